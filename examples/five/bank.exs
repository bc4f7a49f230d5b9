defmodule Account do
  use GenServer

  def start_link(owner), do: GenServer.start_link(__MODULE__, 0, name: name(owner))
  def deposit(owner, amount), do: GenServer.call(name(owner), {:deposit, amount})
  def withdraw(owner, amount), do: GenServer.call(name(owner), {:withdraw, amount})
  def balance(owner), do: GenServer.call(name(owner), :balance)
  def name(owner), do: {:via, Registry, {Bank.Registry, owner}}

  @impl true
  def init(balance), do: {:ok, balance}

  @impl true
  def handle_call({:deposit, amount}, _from, balance) when amount >= 0 do
    {:reply, :ok, balance + amount}
  end

  def handle_call({:withdraw, amount}, _from, balance) when amount <= balance do
    {:reply, :ok, balance - amount}
  end

  def handle_call({:withdraw, _amount}, _from, balance) do
    {:reply, {:error, :insufficient_funds}, balance}
  end

  def handle_call(:balance, _from, balance), do: {:reply, balance, balance}
end

defmodule Bank do
  use Supervisor

  def start_link(_), do: Supervisor.start_link(__MODULE__, :ok, name: __MODULE__)
  def open(owner), do: DynamicSupervisor.start_child(Bank.Accounts, {Account, owner})

  def transfer(giver, receiver, amount) do
    with :ok <- Account.withdraw(giver, amount), do: Account.deposit(receiver, amount)
  end

  @impl true
  def init(:ok) do
    children = [
      {Registry, keys: :unique, name: Bank.Registry},
      {DynamicSupervisor, name: Bank.Accounts}
    ]

    Supervisor.init(children, strategy: :rest_for_one)
  end
end

{:ok, _} = Bank.start_link([])
for owner <- ["ann", "bob"], do: Bank.open(owner)
Account.deposit("ann", 10)
Bank.transfer("ann", "bob", 3)
IO.inspect(Bank.transfer("ann", "bob", 100))
GenServer.cast(Account.name("bob"), "a bill of three")
Process.sleep(10)
IO.inspect({Account.balance("ann"), Account.balance("bob")})
