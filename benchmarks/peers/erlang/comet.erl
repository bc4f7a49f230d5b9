%% The design of "Comet in Erlang with Mochiweb and a Finite State Machine":
%% a mochiweb /comet handler and one FSM per session (waiting, have_request,
%% have_packet), a 45 s die timer and {active, once} drop detection.
-module(comet).
-behaviour(gen_statem).
-export([main/1, init/1, callback_mode/0, waiting/3, have_request/3, have_packet/3]).

-define(DIE, {{timeout, die}, 45000, die}).
-define(LIVE, {{timeout, die}, infinity, die}).
-define(POLL, {state_timeout, 60000, poll}).

-record(s, {sid, seq = 1, req, packets = []}).

main([Port]) ->
    {ok, _} = application:ensure_all_started(crypto),
    ets:new(sessions, [named_table, public, {read_concurrency, true}]),
    {ok, _} = mochiweb_http:start_link([{name, comet}, {ip, {127,0,0,1}},
        {port, list_to_integer(atom_to_list(Port))}, {max, 1000000}, {backlog, 4096},
        {nodelay, true}, {loop, fun loop/1}]),
    receive stop -> ok end.

%% ---- HTTP

loop(Req) ->
    Body = mochiweb_request:recv_body(Req),
    case mochiweb_request:get(path, Req) of
        "/comet" -> comet(Req, decode(Body));
        "/publish" ->
            P = decode(Body),
            N = ets:foldl(fun({_, Pid}, N) -> gen_statem:cast(Pid, {packet, P}), N + 1 end,
                          0, sessions),
            ok(Req, {[{sessions, N}]});
        "/publish/" ++ Sid ->
            case ets:lookup(sessions, list_to_binary(Sid)) of
                [{_, Pid}] ->
                    gen_statem:cast(Pid, {packet, decode(Body)}),
                    ok(Req, {[{sessions, 1}]});
                [] -> mochiweb_request:respond({404, [], <<"no such session">>}, Req)
            end;
        _ -> mochiweb_request:respond({404, [], <<>>}, Req)
    end.

ok(Req, Term) ->
    mochiweb_request:respond({200, [{"Content-Type", "application/json"}], encode(Term)}, Req).

comet(Req, {Fields}) ->
    case proplists:get_value(<<"sid">>, Fields) of
        undefined ->
            Sid = binary:encode_hex(crypto:strong_rand_bytes(12)),
            {ok, _} = gen_statem:start(?MODULE, Sid, []),
            ok(Req, {[{sid, Sid}]});
        Sid ->
            case ets:lookup(sessions, Sid) of
                [{_, Pid}] -> request(Req, Pid, proplists:get_value(<<"packets">>, Fields, []));
                [] -> mochiweb_request:respond({404, [], <<"no such session">>}, Req)
            end
    end.

request(Req, Pid, Packets) ->
    [gen_statem:cast(Pid, {packet, P}) || P <- Packets],      % the app: echo
    Socket = mochiweb_request:get(socket, Req),
    inet:setopts(Socket, [{active, once}]),
    Ref = make_ref(),
    gen_statem:cast(Pid, {request, {self(), Ref}}),
    receive
        {Ref, Out, Seq} ->
            inet:setopts(Socket, [{active, false}]),
            ok(Req, {[{packets, Out}, {seq, Seq}]});
        {tcp_closed, Socket} ->
            gen_statem:cast(Pid, {gone, {self(), Ref}}),
            exit(normal);
        {tcp_error, Socket, _} ->
            gen_statem:cast(Pid, {gone, {self(), Ref}}),
            exit(normal)
    end.

decode(B) -> jiffy:decode(B).
encode(T) -> jiffy:encode(T).

%% ---- the FSM

callback_mode() -> state_functions.

init(Sid) ->
    ets:insert(sessions, {Sid, self()}),
    {ok, waiting, #s{sid = Sid}, [?DIE]}.

waiting(cast, {request, R}, S) ->
    {next_state, have_request, S#s{req = R}, [?LIVE, ?POLL]};
waiting(cast, {packet, P}, S) ->
    {next_state, have_packet, S#s{packets = [P]}};
waiting(T, E, S) -> any(T, E, S).

have_request(cast, {packet, P}, S) ->
    {next_state, waiting, reply(S#s{packets = [P]}), [?DIE]};
have_request(cast, {request, R}, S) ->
    S1 = reply(S),
    {keep_state, S1#s{req = R}, [?POLL]};
have_request(cast, {gone, R}, #s{req = R} = S) ->
    {next_state, waiting, S#s{req = undefined}, [?DIE]};
have_request(state_timeout, poll, S) ->
    {next_state, waiting, reply(S), [?DIE]};
have_request(T, E, S) -> any(T, E, S).

have_packet(cast, {request, R}, S) ->
    {next_state, waiting, reply(S#s{req = R}), [?DIE]};
have_packet(cast, {packet, P}, S) ->
    {keep_state, S#s{packets = [P | S#s.packets]}};
have_packet(T, E, S) -> any(T, E, S).

any({timeout, die}, die, S) ->
    ets:delete(sessions, S#s.sid),
    {stop, normal};
any(_, _, _) -> keep_state_and_data.

reply(#s{req = {Pid, Ref}, packets = P, seq = Seq} = S) ->
    Pid ! {Ref, lists:reverse(P), Seq},
    S#s{req = undefined, packets = [], seq = Seq + length(P)}.
