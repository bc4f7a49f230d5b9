defmodule Counter do
  use GenServer

  def start_link(count), do: GenServer.start_link(__MODULE__, count)
  def count(pid, number), do: GenServer.cast(pid, {:count, number})
  def value(pid), do: GenServer.call(pid, :value)

  @impl true
  def init(count), do: {:ok, count}

  @impl true
  def handle_cast({:count, number}, count), do: {:noreply, count + number}

  @impl true
  def handle_call(:value, _from, count), do: {:reply, count, count}
end

{:ok, counter} = Counter.start_link(0)
Counter.count(counter, 2)
IO.inspect(Counter.value(counter))
