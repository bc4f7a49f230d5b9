defmodule Reader do
  use GenServer

  def start_link({name, topics}), do: GenServer.start_link(__MODULE__, {name, topics})

  @impl true
  def init({name, topics}) do
    for topic <- topics, do: Registry.register(Topics, topic, nil)
    {:ok, name}
  end

  @impl true
  def handle_info({:news, news}, name) do
    IO.puts("#{name} reads: #{news}")
    {:noreply, name}
  end
end

publish = fn topic, news ->
  Registry.dispatch(Topics, topic, fn readers ->
    for {pid, _} <- readers, do: send(pid, {:news, news})
  end)
end

{:ok, _} = Registry.start_link(keys: :duplicate, name: Topics)
{:ok, _} = Reader.start_link({"ann", ["sport", "weather"]})
{:ok, bob} = Reader.start_link({"bob", ["weather"]})
publish.("sport", "two to one")
publish.("weather", "rain")
GenServer.stop(bob)
publish.("weather", "sun")
Process.sleep(10)
