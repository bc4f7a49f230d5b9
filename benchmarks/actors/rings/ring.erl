%% The ring on Erlang: a process an actor.
%% erl ... -run ring main ACTORS TOKENS HOPS
-module(ring).
-export([main/1]).

main(Arguments) ->
    [Actors, Tokens, Hops] = [list_to_integer(A) || A <- Arguments],
    Home = self(),
    Before = resident_kb(),
    {Started, Nodes} = timed(fun() -> [spawn(fun() -> member(Home) end) || _ <- lists:seq(1, Actors)] end),
    After = resident_kb(),
    link_up(Nodes, tl(Nodes) ++ [hd(Nodes)]),
    await(Actors),
    Cpu = cpu_us(),
    {Travelled, ok} = timed(fun() -> inject(Nodes, Actors div Tokens, Hops), await(Tokens) end),
    Used = cpu_us() - Cpu,
    {Stopped, ok} = timed(fun() -> stop(Nodes), await(Actors) end),
    Messages = Tokens * (Hops + 1),
    io:format("{\"wall_us\": ~w, \"cpu_us\": ~w, \"start_us\": ~w, \"stop_us\": ~w, \"actor_kb\": ~w}~n",
              [Travelled / Messages, Used / Messages, Started / Actors, Stopped / Actors,
               (After - Before) / Actors]),
    halt().

%% First of all it is told the next actor of the ring; then it passes tokens on.
member(Home) -> receive {next, Next} -> Home ! arrived, member(Home, Next) end.

member(Home, Next) ->
    receive
        0 -> Home ! arrived, member(Home, Next);
        stop -> Home ! arrived;
        Hops -> Next ! (Hops - 1), member(Home, Next)
    end.

link_up([Node | Nodes], [Next | Rest]) -> Node ! {next, Next}, link_up(Nodes, Rest);
link_up([], []) -> ok.

inject([], _, _) -> ok;
inject([Node | _] = Nodes, Step, Hops) ->
    Node ! Hops,
    inject(lists:nthtail(Step, Nodes), Step, Hops).

stop(Nodes) -> lists:foreach(fun(Node) -> Node ! stop end, Nodes).

await(0) -> ok;
await(Left) -> receive arrived -> await(Left - 1) end.

timed(Fun) ->
    Before = erlang:monotonic_time(microsecond),
    Result = Fun(),
    {erlang:monotonic_time(microsecond) - Before, Result}.

cpu_us() -> {Total, _} = statistics(runtime), Total * 1000.

resident_kb() -> erlang:memory(processes) div 1024.
