Mix.install([:gen_stage])

defmodule Jobs do
  use GenStage

  def start_link(made), do: GenStage.start_link(__MODULE__, made, name: __MODULE__)
  def init(made), do: {:producer, made}

  def handle_demand(demand, made) do
    {:noreply, Enum.to_list(made..(made + demand - 1)), made + demand}
  end
end

defmodule Worker do
  use GenStage

  def start_link(_), do: GenStage.start_link(__MODULE__, :ok)
  def init(:ok), do: {:consumer, :ok, subscribe_to: [{Jobs, max_demand: 2}]}

  def handle_events(jobs, _from, :ok) do
    for job <- jobs do
      Process.sleep(100)
      IO.inspect(job * job)
    end

    {:noreply, [], :ok}
  end
end

workers = for id <- 1..3, do: Supervisor.child_spec(Worker, id: id)
{:ok, _} = Supervisor.start_link([{Jobs, 0} | workers], strategy: :rest_for_one)
Process.sleep(250)
