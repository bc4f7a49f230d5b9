%% The tasks on Erlang: a process an actor, OTP's gen_server for asking and its supervisor.
%% erl ... -run crowd main TASK ACTORS TIMES; see task.py.
-module(crowd).
-export([main/1, init/1, start_child/2, handle_call/3, handle_cast/2]).

main([Task, Actors, Times]) ->
    logger:set_primary_config(level, none),  % a report of each crash is the terminal's cost
    print(run(list_to_atom(Task), list_to_integer(Actors), list_to_integer(Times))),
    halt().

run(fan_out, Actors, Times) ->
    Tally = tally(),
    Members = started(Actors, Tally),
    lap(Actors * Times, fun() -> fan_out(Times, Actors, Members, Tally) end);
run(ask, _, Times) ->
    {ok, Asked} = gen_server:start_link(?MODULE, {member, tally()}, []),
    lap(Times, fun() -> ask(Times, Asked) end);
run(population, Actors, _) ->
    Tally = tally(),
    Before = resident_kb(),
    {Members, Start} = timed(Actors, fun() -> started(Actors, Tally) end),
    After = resident_kb(),
    {ok, Stop} = timed(Actors, fun() -> stop(Actors, Members, Tally) end),
    Both = [{Unit, maps:get(Unit, Start) + maps:get(Unit, Stop)} || Unit <- maps:keys(Start)],
    maps:merge(maps:from_list([{actor_kb, (After - Before) / Actors} | Both]),
               maps:merge(prefixed("start_", Start), prefixed("stop_", Stop)));
run(restart, Actors, Times) ->
    Tally = tally(),
    {ok, Supervisor} = supervisor:start_link(?MODULE, {supervisor, Times}),
    Home = self(),
    [{ok, _} = supervisor:start_child(Supervisor, [{Home, Tally}]) || _ <- lists:seq(1, Actors)],
    Members = [receive {up, Pid} -> Pid end || _ <- lists:seq(1, Actors)],
    lap(Times, fun() -> restart(Times, Members, Members, Tally) end).

%% -- the tasks

fan_out(0, _, _, _) -> ok;
fan_out(Times, Actors, Members, Tally) ->
    tell_all(Actors, Members, Times, Tally),
    fan_out(Times - 1, Actors, Members, Tally).

ask(0, _) -> ok;
ask(Times, Asked) -> Times = gen_server:call(Asked, Times), ask(Times - 1, Asked).

started(Actors, Tally) ->
    expect(Tally, Actors),
    Members = [spawn_link(fun() -> count(Tally), member(Tally) end) || _ <- lists:seq(1, Actors)],
    receive done -> Members end.

stop(Actors, Members, Tally) -> tell_all(Actors, Members, stop, Tally).

%% When a member has crashed, its successor says who it is, and is sent its first message.
restart(0, _, _, _) -> ok;
restart(Times, [], Members, Tally) -> restart(Times, Members, Members, Tally);
restart(Times, [Member | Rest], Members, Tally) ->
    expect(Tally, 1),
    gen_server:cast(Member, crash),
    receive {up, Successor} -> gen_server:cast(Successor, Times) end,
    receive done -> ok end,
    restart(Times - 1, Rest, Members, Tally).

tell_all(Actors, Members, Message, Tally) ->
    expect(Tally, Actors),
    lists:foreach(fun(Member) -> Member ! Message end, Members),
    receive done -> ok end.

%% -- the actors

member(Tally) ->
    receive
        stop -> count(Tally);
        _ -> count(Tally), member(Tally)
    end.

start_child(Nothing, {Home, Tally}) -> gen_server:start_link(?MODULE, {Nothing, Home, Tally}, []).

init({supervisor, Times}) ->
    Child = #{id => member, start => {?MODULE, start_child, [member]}},
    {ok, {#{strategy => simple_one_for_one, intensity => Times, period => 5}, [Child]}};
init({member, Tally}) -> {ok, Tally};
init({member, Home, Tally}) -> Home ! {up, self()}, {ok, Tally}.

handle_call(Message, _From, Tally) -> count(Tally), {reply, Message, Tally}.

handle_cast(crash, _Tally) -> error(crash);
handle_cast(_, Tally) -> count(Tally), {noreply, Tally}.

%% -- the count: the last one to count says so

tally() -> {self(), atomics:new(1, [])}.

expect({_, Left}, Number) -> atomics:put(Left, 1, Number).

count({Home, Left}) ->
    case atomics:sub_get(Left, 1, 1) of
        0 -> Home ! done;
        _ -> ok
    end.

%% -- the clock

lap(Times, Fun) -> {ok, Found} = timed(Times, Fun), Found.

timed(Times, Fun) ->
    Wall = erlang:monotonic_time(nanosecond),
    Cpu = cpu_ms(),
    Result = Fun(),
    {Result, #{wall_us => (erlang:monotonic_time(nanosecond) - Wall) / 1000 / Times,
               cpu_us => (cpu_ms() - Cpu) * 1000 / Times}}.

cpu_ms() -> {Total, _} = statistics(runtime), Total.

resident_kb() ->
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, [Kilobytes]} = re:run(Status, "VmRSS:\\s*(\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(Kilobytes).

prefixed(Prefix, Found) ->
    maps:from_list([{list_to_atom(Prefix ++ atom_to_list(Key)), Value} || {Key, Value} <- maps:to_list(Found)]).

print(Found) ->
    Pairs = [io_lib:format("\"~s\": ~w", [Key, Value]) || {Key, Value} <- maps:to_list(Found)],
    io:format("{~s}~n", [lists:join(", ", Pairs)]).
