defmodule RateLimiter do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def allow?(pid, user), do: GenServer.call(pid, {:allow?, user})

  @impl true
  def init(opts) do
    {:ok, _} = :timer.send_interval(opts[:interval], :reset)
    {:ok, {opts[:limit], %{}}}
  end

  @impl true
  def handle_call({:allow?, user}, _from, {limit, calls}) do
    calls = Map.update(calls, user, 1, &(&1 + 1))
    {:reply, calls[user] <= limit, {limit, calls}}
  end

  @impl true
  def handle_info(:reset, {limit, _calls}), do: {:noreply, {limit, %{}}}
end

{:ok, limiter} = RateLimiter.start_link(limit: 2, interval: 1000)
IO.inspect(for _ <- 1..3, do: RateLimiter.allow?(limiter, "ann"))
Process.sleep(1100)
IO.inspect(RateLimiter.allow?(limiter, "ann"))
