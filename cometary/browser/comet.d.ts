/*! cometary, MIT */
declare module "*/comet.js" {
export * from "cometary:all";
}

declare module "cometary:alarm" {
export type Timer = import("cometary:flights").Timer;
export type AlarmMeans = {
    setTimeout: (callback: () => void, milliseconds: number) => Timer;
    clearTimeout: (timer: Timer) => void;
};
export class Alarm {
    #private;
    constructor(means: AlarmMeans);
    get isSet(): boolean;
    set(milliseconds: number, ring: () => void): void;
    clear(): void;
}
}

declare module "cometary:all" {
export { AskError, Comet } from "cometary:paths";
export { ConnectError, QueueFullError } from "cometary:comet";
export { cbor } from "cometary:cbor";
export { allTabs } from "cometary:tabs";
}

declare module "cometary:asked_paths" {
export type Ask = {
    id: number;
    verb: import("cometary:backend").Verb;
    paths: readonly string[];
};
export class AskedPaths {
    #private;
    get open(): Ask[];
    add(verb: import("cometary:backend").Verb, paths: readonly string[]): {
        ask: Ask;
        answered: Promise<void>;
    };
    answer({ id, error }: any): void;
    end(): void;
}
}

declare module "cometary:asking" {
import { Comet as Silent } from "cometary:comet";
export { ConnectError, QueueFullError } from "cometary:comet";
export type Options = import("cometary:comet").Options;
export class AskError extends Error {
    condition: string;
    fault: string;
    name: string;
    constructor(condition: string, detail: string);
}
export type Answer = {
    ask?: string;
    value?: any;
    error?: string;
    detail?: string;
};
export class Comet<M extends Record<string, any> = Record<string, any>> extends Silent<M> {
    #private;
    constructor(url: string, options?: Options);
    ask(path: string, message?: unknown, { timeout, signal }?: {
        timeout?: number;
        signal?: AbortSignal;
    }): Promise<any>;
    on<P extends keyof M & string>(pattern: P, handler: (message: M[P], path: import("cometary:messages").PathOf<P>) => unknown): () => void;
}
}

declare module "cometary:backend" {
export type Verb = "connect" | "disconnect";
export type MoreBackendMeans = {
    environment: import("cometary:options").Environment;
    backoff: {
        base: number;
        cap: number;
    };
};
export type BackendOptions = Pick<import("cometary:options").Options, "connectUrl" | "disconnectUrl" | "backendHeaders">;
export type BackendMeans = BackendOptions & MoreBackendMeans;
export class ConnectError extends Error {
    paths: readonly string[];
    final: boolean;
    name: string;
    constructor(message: string, paths: readonly string[], final: boolean);
}
export class Backend {
    #private;
    constructor(means: BackendMeans);
    can(verb: Verb): boolean;
    check(verb: Verb): void;
    ask(sid: string, paths: readonly string[], verb: Verb): Promise<void>;
    pause(attempt: number): Promise<void>;
}
}

declare module "cometary:backoff" {
export function backoff(attempt: number, { base, cap }: {
    base: number;
    cap: number;
}, random: () => number): number;
}

declare module "cometary:carrier" {
export type CarrierUser = {
    mayAttach: () => boolean;
    attachment: () => import("cometary:json").Written;
    attached: () => void;
    frame: (body: any) => void;
    sign: () => void;
    broke: (carrier: Carrier) => void;
};
export class Carrier {
    #private;
    margin: number;
    user: CarrierUser;
    attached: boolean;
    over: boolean;
    late: boolean;
    constructor(means: import("cometary:alarm").AlarmMeans, margin: number, user: CarrierUser);
    take(body: any): void;
    acknowledgeLater(): void;
    takes(_body: import("cometary:json").Written, _request?: boolean): boolean;
    expect(seconds: number): void;
    close(): void;
    end(): void;
}
}

declare module "cometary:cbor" {
export type Codec = import("cometary:json").Codec;
export function cbor(): Codec;
export function encode(value: unknown): Uint8Array<ArrayBuffer>;
export function decode(bytes: Uint8Array): unknown;
}

declare module "cometary:comet" {
import { ConnectError } from "cometary:backend";
import { QueueFullError } from "cometary:queue";
export { ConnectError, QueueFullError };
export type State = import("cometary:connection").State;
export type Options = import("cometary:options").Options;
export type Packet = import("cometary:protocol").Packet;
export type Handler = import("cometary:handlers").Handler;
const Target: new () => import("cometary:messages").CometTarget;
export class Comet<M extends Record<string, any> = Record<string, any>> extends Target {
    #private;
    constructor(url: string, options?: Options);
    get sid(): string | undefined;
    get state(): State;
    get wire(): "requests" | "stream" | "websocket";
    get unanswered(): number;
    open(): Promise<string>;
    on<P extends keyof M & string>(pattern: P, handler: (message: M[P], path: import("cometary:messages").PathOf<P>, ask?: string) => void): () => void;
    send<P extends import("cometary:messages").PathOf<keyof M & string>>(path: P, message?: import("cometary:messages").MessageAt<M, P>, { receipt, ask }?: import("cometary:queue").Wishes): void;
    connect(paths: readonly string[] | string): Promise<void>;
    disconnect(paths: readonly string[] | string): Promise<void>;
    retry(): void;
    close(): Promise<void>;
}
}

declare module "cometary:conditions" {
export type Refusal = {
    condition: string;
    detail: string;
    reason?: string;
    processed?: number;
};
export function isRefusal(status: number, body: Record<string, unknown> | undefined): body is {
    error: string;
    detail: string;
    reason?: string;
    processed?: number;
};
export function isTemporary({ condition }: Refusal): boolean;
export function isAboutPackets({ condition }: Refusal): boolean;
export function needsAnotherSession({ condition, reason }: Refusal): boolean;
}

declare module "cometary:connected_paths" {
import { ConnectError } from "cometary:backend";
export type Verb = import("cometary:backend").Verb;
export type CurrentSid = () => string | undefined;
export type Wanted = [path: string, owners: string[]][];
export class ConnectedPaths {
    #private;
    constructor(backend: import("cometary:backend").Backend, sid: CurrentSid);
    get record(): Wanted;
    resume(record: Wanted): void;
    add(paths: readonly string[], opened: Promise<unknown>, owner?: string): Promise<void>;
    remove(paths: readonly string[], owner?: string): Promise<void>;
    drop(owner: string): Promise<void>;
    restore(): Promise<ConnectError[]>;
}
}

declare module "cometary:connection" {
export type State = import("cometary:means").State;
export type Replaced = import("cometary:means").Replaced;
export type ConnectionRecord = import("cometary:means").ConnectionRecord;
export class Connection {
    #private;
    state: State;
    constructor(means: import("cometary:means").Means, queue: import("cometary:queue").SendQueue, listener: import("cometary:means").Listener);
    get sid(): string | undefined;
    get wire(): "requests" | "stream" | "websocket";
    get record(): ConnectionRecord;
    open({ session, replaced, wait, die }?: ConnectionRecord): undefined;
    close(): void;
    pump(): void;
    networkIsBack(): void;
    relieve(): void;
    retry(): void;
    farewell(send: (body: import("cometary:json").Written) => boolean): void;
    end(reason: string): void;
    leave(): void;
    attached(): void;
    received(fresh: import("cometary:protocol").Packet[], closed: boolean): void;
    refused(request: import("cometary:protocol").Request, outcome: import("cometary:exchange").Refused): void;
}
}

declare module "cometary:connector" {
import { AskError } from "cometary:asking";
export { AskError };
export class ConnectorError extends Error {
    unsent: boolean;
    name: string;
    constructor(message: string, { cause, unsent }?: {
        cause?: unknown;
        unsent?: boolean;
    });
}
export class ControlError extends Error {
    condition: string;
    status: number;
    name: string;
    constructor(condition: string, status: number, detail: string);
}
export class UnknownSessionError extends ControlError {
    name: string;
}
export type Pair = readonly [path: string, message: unknown];
export type Wishes = {
    receipt?: string;
    ttl?: number;
    key?: string;
};
export type UpdateWishes = Wishes & {
    exclude?: string;
    idempotencyKey?: string;
};
export type Update = {
    path: string;
    message?: unknown;
} & UpdateWishes;
export type HistoryPage = {
    packets: {
        path: string;
        message: any;
        at?: string;
    }[];
    at: string | null;
    complete: boolean;
};
export type PresencePage = {
    count: number;
    members: import("cometary:paths").Member[];
};
export type ReceiptPage = {
    receipts: Record<string, any>[];
    cursor: string;
    missed: number;
};
export class Connector {
    #private;
    constructor(url: string, { secret, timeout, codec }?: {
        secret?: string;
        timeout?: number;
        codec?: import("cometary:json").Codec;
    });
    update(path: string, message?: unknown, wishes?: UpdateWishes): Promise<void>;
    updates(updates: readonly Pair[]): Promise<number>;
    batch(updates: readonly (Pair | Update)[]): Promise<{
        error?: string;
        detail?: string;
    }[]>;
    connect(sid: string, paths: readonly string[], { last, since }?: {
        last?: number;
        since?: Record<string, string>;
    }): Promise<string[]>;
    disconnect(sid: string, paths: readonly string[]): Promise<string[]>;
    send(sid: string, packets: readonly Pair[], wishes?: Wishes): Promise<number>;
    ask(sid: string, path: string, message?: unknown, { timeout }?: {
        timeout?: number;
    }): Promise<any>;
    history(path: string, { last, since }?: {
        last?: number;
        since?: string;
    }): Promise<HistoryPage>;
    presence(path: string, most?: number): Promise<PresencePage>;
    kick(sid: string): Promise<void>;
    sessions(): Promise<Record<string, any>[]>;
    receipts({ after, wait }?: {
        after?: string;
        wait?: number;
    }): Promise<ReceiptPage>;
    statistics(): Promise<Record<string, number>>;
    tree(): Promise<Record<string, any>>;
    healthz(): Promise<string>;
}
}

declare module "cometary:election" {
export type MoreElectionMeans = {
    locks: Pick<LockManager, "request" | "query">;
    now: () => number;
    random: () => number;
};
export type ElectionMeans = import("cometary:alarm").AlarmMeans & MoreElectionMeans;
export type Candidate = {
    present: () => void;
    leads: () => void;
    robbed: () => void;
    ask: () => void;
    sure: () => void;
    gone: (tab: string) => void;
};
export class Election {
    #private;
    constructor(means: ElectionMeans, name: string, tab: string, candidate: Candidate);
    get leads(): boolean;
    join(): void;
    resign(): void;
    heard(): void;
    get isSure(): boolean;
    confirm(): Promise<boolean>;
    others(): Promise<string[]>;
    watch(tab: string): void;
}
}

declare module "cometary:exchange" {
export type Refusal = import("cometary:conditions").Refusal;
export type Outcome = {
    kind: "answer";
    body: Record<string, unknown>;
} | {
    kind: "refusal";
    refusal: Refusal;
    retryAfter: number;
} | {
    kind: "lost";
    cause: unknown;
    retryAfter: number;
};
export type Failed = Exclude<Outcome, {
    kind: "answer";
}>;
export type Refused = Extract<Outcome, {
    kind: "refusal";
}>;
export type ExchangeMeans = {
    url: string;
    fetch: typeof globalThis.fetch;
    credentials: RequestCredentials;
    codec: import("cometary:json").Codec;
};
export function post({ url, fetch, credentials, codec }: ExchangeMeans, body: import("cometary:json").Written, signal: AbortSignal, headers?: Record<string, string>): Promise<Response>;
export function exchange(means: ExchangeMeans, body: import("cometary:json").Written, signal: AbortSignal): Promise<Outcome>;
export function parseRetryAfter(value: string | null, now?: number): number;
export function causeOf(outcome: Failed): unknown;
}

declare module "cometary:flights" {
export type Timer = ReturnType<typeof setTimeout>;
export type MoreFlightMeans = {
    setTimeout: (callback: () => void, milliseconds: number) => Timer;
    clearTimeout: (timer: Timer) => void;
    now: () => number;
};
export type FlightMeans = import("cometary:exchange").ExchangeMeans & MoreFlightMeans;
export const USUAL_DIE = 45;
export class Flights {
    #private;
    constructor(means: FlightMeans);
    send(body: import("cometary:json").Written, { hold, margin }: {
        hold: number;
        margin: number;
    }): Promise<import("cometary:exchange").Outcome & {
        seconds: number;
    }>;
    giveUp(): void;
}
export function patienceFor(hold: number, die: number, most: number): {
    hold: number;
    margin: number;
    reliefAfter: number | undefined;
};
}

declare module "cometary:handlers" {
export type Handler = (message: any, path: string, ask?: string) => void;
export class Handlers {
    #private;
    constructor(reportError: (error: unknown) => void);
    add(pattern: string, handler: Handler): () => void;
    deliver({ path, message, ask }: import("cometary:protocol").Packet): void;
}
}

declare module "cometary:holder" {
import { ConnectedPaths } from "cometary:connected_paths";
import { SendQueue } from "cometary:queue";
export type Chosen = ReturnType<typeof import("cometary:options").withDefaults>;
export type Tell = (type: string, detail: any) => void;
export type Replaced = import("cometary:connection").Replaced;
export type HolderRecord = {
    connection: import("cometary:connection").ConnectionRecord | undefined;
    waiting: readonly import("cometary:queue").OutgoingPacket[];
    reopening: Replaced | undefined;
    paths: import("cometary:connected_paths").Wanted;
};
export class Holder {
    #private;
    queue: SendQueue;
    paths: ConnectedPaths;
    constructor(url: string, options: Chosen, tell: Tell, means?: {
        journal: () => void;
        allowed: () => boolean;
    } | {});
    get sid(): string | undefined;
    get state(): import("cometary:means").State;
    get wire(): "requests" | "stream" | "websocket";
    get unanswered(): number;
    get record(): HolderRecord;
    open(record?: HolderRecord): undefined;
    send(path: string, message: unknown, wishes: import("cometary:queue").Wishes): void;
    flush(): void;
    connect(paths: readonly string[], opened: Promise<unknown>): Promise<void>;
    disconnect(paths: readonly string[]): Promise<void>;
    retry(): void;
    relieve(): void;
    networkIsBack(): void;
    close(): void;
    end(reason: string): void;
    leave(): void;
    farewell(): void;
    onPage(type: string, kept: boolean): void;
}
}

declare module "cometary:json" {
export type Written = string | Uint8Array<ArrayBuffer>;
export type Codec = {
    type: string;
    streams: string;
    protocol: string;
    packet: (packet: {
        path: string;
        message: unknown;
    } & import("cometary:queue").Wishes) => any;
    body: (members: object, packets?: readonly any[]) => any;
    beacon: (body: any) => any;
    read: (frame: any) => Record<string, any> | undefined;
    answer: (response: Response) => Promise<Record<string, any> | undefined>;
    reader: () => (piece: Uint8Array) => any[];
};
export const DEEPEST = 61;
export const JSON_CODEC: Codec;
export function parseObject(text: string): Record<string, any> | undefined;
export function tooDeep(): TypeError;
export function refuseHalves(key: string, value: unknown): unknown;
}

declare module "cometary:lead" {
export type Content = import("cometary:replica").Content;
export type Ask = {
    from: string;
    id: number;
    verb: import("cometary:backend").Verb;
    paths: string[];
};
export type Means = {
    post: (message: import("cometary:talk").Message) => void;
    keep: (message: any) => void;
    allowed: () => boolean;
    watch: (tab: string) => void;
};
export class Lead {
    #private;
    constructor(url: string, options: import("cometary:holder").Chosen, replica: import("cometary:replica").Replica, { post, keep, allowed, watch }: Means);
    get alone(): boolean;
    start(me: string, others: readonly string[]): void;
    gone(tab: string): void;
    hear(message: any, mine: boolean): void;
    networkIsBack(): void;
    goOn(): void;
    close(): void;
    end(reason: string): void;
    farewell(): void;
    leave(): void;
    stop(): void;
}
}

declare module "cometary:means" {
export type State = "connecting" | "open" | "reconnecting" | "closed";
export type Packet = import("cometary:protocol").Packet;
export type Refusal = import("cometary:conditions").Refusal;
export type OutgoingPacket = import("cometary:queue").OutgoingPacket;
export type MoreMeans = {
    random: () => number;
    token: () => Promise<string | undefined> | string | undefined;
    wait: number | undefined;
    resume?: boolean;
    margin: number;
    backoff: {
        base: number;
        cap: number;
    };
    journal?: () => void;
    allowed?: () => boolean;
};
export type Means = import("cometary:flights").FlightMeans & import("cometary:wires").WiresMeans & MoreMeans;
export type Replaced = {
    reason: string;
    uncertain: OutgoingPacket[];
};
export type ConnectionRecord = {
    session: import("cometary:protocol").SessionRecord | undefined;
    replaced: Replaced | undefined;
    wait: number;
    die: number;
};
export type Listener = {
    state: (state: State) => void;
    opened: (sid: string, lost: Replaced | undefined) => void;
    retrying: (attempt: number, delay: number, cause: unknown) => void;
    packets: (packets: Packet[], last: number) => void;
    refused: (refusal: Refusal, packets: OutgoingPacket[]) => void;
    ended: (reason: string, undelivered: OutgoingPacket[]) => void;
};
export {};
}

declare module "cometary:messages" {
export type PathOf<P extends string> = P extends `${infer Head}/**` ? `${PathOf<Head>}/${string}` : P extends `${infer Head}*${infer Tail}` ? `${Head}${string}${PathOf<Tail>}` : P;
export type MessageAt<M, P extends string> = {
    [K in keyof M & string]: P extends PathOf<K> ? M[K] : never;
}[keyof M & string];
export type Packet = {
    path: string;
    message: unknown;
};
export type CometEvents = {
    state: {
        state: import("cometary:means").State;
    };
    open: {
        sid: string;
    };
    retrying: {
        cause: unknown;
        attempt: number;
        delay: number;
    };
    reopened: {
        reason: string;
        missing: readonly string[];
        uncertain: Packet[];
    };
    error: {
        condition: string;
        detail: string;
        reason?: string;
        packets: Packet[];
    };
    close: {
        reason: string;
        undelivered: Packet[];
    };
    gap: {
        path: string;
    };
};
export type CometListener<K extends keyof CometEvents> = ((event: CustomEvent<CometEvents[K]>) => void) | {
    handleEvent(event: CustomEvent<CometEvents[K]>): void;
};
export type CometTarget = {
    addEventListener: <K extends keyof CometEvents>(type: K, listener: CometListener<K> | null, options?: boolean | AddEventListenerOptions) => void;
    removeEventListener: <K extends keyof CometEvents>(type: K, listener: CometListener<K> | null, options?: boolean | EventListenerOptions) => void;
    dispatchEvent: (event: Event) => boolean;
};
export {};
}

declare module "cometary:options" {
import { Backend } from "cometary:backend";
export type Options = {
    connectUrl?: string;
    disconnectUrl?: string;
    backendHeaders?: HeadersInit | (() => HeadersInit);
    token?: string | (() => string | undefined | Promise<string | undefined>);
    credentials?: RequestCredentials;
    wait?: number;
    resume?: boolean;
    margin?: number;
    wires?: readonly import("cometary:wires").Wire[];
    codec?: import("cometary:json").Codec;
    backoff?: {
        base: number;
        cap: number;
    };
    limits?: {
        packets?: number;
        bytes?: number;
        batchBytes?: number;
    };
    closeTimeout?: number;
    share?: Share;
    backend?: Backend;
    closeOnPageHide?: boolean;
    environment?: Partial<Environment>;
};
export type Limits = {
    packets: number;
    bytes: number;
    batchBytes: number;
};
export type Line = {
    sid: string | undefined;
    state: import("cometary:connection").State;
    wire: import("cometary:wires").Wire | "requests";
    unanswered: number;
    open: () => void;
    send: (path: string, message: unknown, wishes: import("cometary:queue").Wishes) => void;
    connect: (paths: readonly string[], opened: Promise<unknown>) => Promise<void>;
    disconnect: (paths: readonly string[]) => Promise<void>;
    retry: () => void;
    close: () => void;
    end: (reason: string) => void;
    onPage: (type: string, kept: boolean) => void;
};
export type Share = (url: string, options: any, tell: (type: string, detail: any) => void) => Line | undefined;
export type Environment = {
    fetch: typeof globalThis.fetch;
    WebSocket: typeof globalThis.WebSocket | undefined;
    setTimeout: (callback: () => void, milliseconds: number) => ReturnType<typeof setTimeout>;
    clearTimeout: (timer: ReturnType<typeof setTimeout>) => void;
    now: () => number;
    date: () => number;
    random: () => number;
    page: Pick<EventTarget, "addEventListener" | "removeEventListener"> | undefined;
    sendBeacon: (url: string, body: string | Blob) => boolean;
    reportError: (error: unknown) => void;
    document: Pick<EventTarget, "addEventListener" | "removeEventListener"> | undefined;
    locks: Pick<LockManager, "request" | "query"> | undefined;
    BroadcastChannel: typeof globalThis.BroadcastChannel | undefined;
};
export function withDefaults({ token, wait, ...options }: Options): {
    connectUrl?: string;
    disconnectUrl?: string;
    backendHeaders?: HeadersInit | (() => HeadersInit);
    resume?: boolean;
    share?: Share;
    wait: number | undefined;
    credentials: RequestCredentials;
    margin: number;
    closeTimeout: number;
    closeOnPageHide: boolean;
    wires: readonly ("stream" | "websocket")[];
    codec: import("cometary:json").Codec;
    token: () => string | undefined | Promise<string | undefined>;
    limits: {
        packets: number;
        bytes: number;
        batchBytes: number;
    };
    backoff: {
        base: number;
        cap: number;
    };
    environment: Environment;
    backend: Backend;
};
}

declare module "cometary:paths" {
import { AskError, Comet as Asking } from "cometary:asking";
import { ConnectError } from "cometary:backend";
export { AskError, ConnectError };
export { QueueFullError } from "cometary:comet";
export type Options = import("cometary:comet").Options;
export type Member = {
    name: string;
    shown?: any;
};
export class Comet<M extends Record<string, any> = Record<string, any>> extends Asking<M> {
    #private;
    constructor(url: string, options?: Options);
    presence(path: string, most?: number): Promise<{
        path: string;
        count: number;
        members: Member[];
    }>;
    sendTo(name: string, path: string, message?: unknown): Promise<void>;
}
}

declare module "cometary:patterns" {
export const LONGEST_PATH = 1024;
export function checkPath(path: string): void;
export function compilePattern(pattern: string): (path: string) => boolean;
}

declare module "cometary:positions" {
export type Placed = import("cometary:protocol").Packet & {
    at?: string;
};
export class Positions {
    #private;
    get awaited(): [path: string, at: string][];
    get open(): [path: string, at: string][];
    ask(paths: readonly string[]): [path: string, at: string][];
    leave(paths: readonly string[]): void;
    renew(): void;
    take({ path, message, at }: Placed): boolean;
    miss(path: string, at?: string): void;
}
}

declare module "cometary:protocol" {
import { Request } from "cometary:request";
export { Request };
export type OutgoingPacket = import("cometary:queue").OutgoingPacket;
export type Packet = {
    path: string;
    message: any;
    ask?: string;
};
export type Answer = {
    seq?: number;
    packets: Packet[];
    gen?: number | undefined;
    at?: string | undefined;
};
export type Refusal = import("cometary:conditions").Refusal;
export type Verdict = import("cometary:request").Verdict;
export type SessionRecord = import("cometary:request").SessionRecord;
export class Session {
    #private;
    sid: string;
    requests: number;
    gen: number | undefined;
    wire: import("cometary:wires").Wire | undefined;
    renewalDue: boolean;
    hasGap: boolean;
    constructor(opened: {
        sid: string;
        requests: number;
        packets?: number | undefined;
        boundTo?: string | undefined;
        gen?: number | undefined;
    }, firstRid: number, queue: import("cometary:queue").SendQueue);
    static resume(record: SessionRecord, queue: import("cometary:queue").SendQueue): Session;
    get record(): SessionRecord;
    get ack(): number;
    get unanswered(): number;
    get anyLost(): boolean;
    get anyOnSocket(): boolean;
    unansweredRequest(rid: number): Request | undefined;
    get closing(): boolean;
    close(): void;
    relieve(): void;
    renew(token: string): void;
    next(): Request | undefined;
    body(request: Request): any;
    get attachment(): any;
    get place(): {
        ack: number;
        gen: number | undefined;
        at: string | undefined;
    };
    get isStale(): boolean;
    confirmed(rid: number): Request[];
    pushed(body: Answer): Packet[];
    detached(): void;
    answered(request: Request, answer: Answer): Packet[];
    lost(request: Request): void;
    refused(request: Request, refusal: Refusal): Verdict;
    farewell(room: number): import("cometary:json").Written[];
    shortFarewell(): import("cometary:json").Written;
    abandon(): OutgoingPacket[];
}
}

declare module "cometary:queue" {
export type OutgoingPacket = {
    path: string;
    message: unknown;
    written: import("cometary:json").Written;
    size: number;
    tab?: string;
    n?: number;
};
export type Wishes = {
    receipt?: string | undefined;
    ask?: string | undefined;
};
export class QueueFullError extends Error {
    name: string;
}
export class SendQueue {
    #private;
    codec: import("cometary:json").Codec;
    constructor(limits: import("cometary:options").Limits, codec?: import("cometary:json").Codec);
    get waiting(): number;
    get contents(): readonly OutgoingPacket[];
    get unanswered(): number;
    append(path: string, message: unknown, wishes?: Wishes): void;
    put(packets: readonly OutgoingPacket[]): void;
    adopt(packets: readonly OutgoingPacket[]): void;
    takeBatch(packets?: number, most?: number): OutgoingPacket[];
    putBack(packets: readonly OutgoingPacket[]): void;
    release(packets: readonly OutgoingPacket[]): void;
    drain(): OutgoingPacket[];
}
}

declare module "cometary:renewal" {
export const TOKEN_PATH = "::token";
export type Timer = import("cometary:flights").Timer;
export type RenewalMeans = {
    token: () => Promise<string | undefined> | string | undefined;
    setTimeout: (callback: () => void, milliseconds: number) => Timer;
    clearTimeout: (timer: Timer) => void;
    random: () => number;
    backoff: {
        base: number;
        cap: number;
    };
};
export class Renewal {
    #private;
    constructor(means: RenewalMeans);
    start(take: (token: string) => void): void;
    stop(): void;
}
}

declare module "cometary:replica" {
export type OutgoingPacket = import("cometary:queue").OutgoingPacket;
export type HolderRecord = import("cometary:holder").HolderRecord;
export type Content = {
    n: number;
    written: import("cometary:json").Written;
    size: number;
    line: number;
};
export type Contents = [tab: string, contents: Content[]][];
export type Runs = [tab: string, first: number, last: number][];
export type TabsRecord = {
    term: number;
    at: number;
    line: number;
    state: import("cometary:connection").State;
    wire: import("cometary:wires").Wire | "requests";
    held: any;
    received: [tab: string, n: number][];
    lost: Runs;
};
export class Replica {
    #private;
    record: TabsRecord | undefined;
    get term(): number;
    get copy(): {
        record: TabsRecord | undefined;
        contents: Contents;
    };
    get contents(): Contents;
    add(tab: string, contents: readonly Content[]): void;
    take(record: TabsRecord): boolean;
    received(tab: string): number;
    isAlive(tab: string, n: number): boolean;
    get lost(): Runs;
    get held(): HolderRecord | undefined;
}
export function translate(held: any, change: (packets: any) => any): any;
export function runsOf(packets: readonly OutgoingPacket[]): Runs;
export function covers(runs: Runs, tab: string, n: number): boolean;
}

declare module "cometary:request" {
export type OutgoingPacket = import("cometary:queue").OutgoingPacket;
export const LAST_WORDS = 60000;
export class Request {
    rid: number;
    packets: import("cometary:queue").OutgoingPacket[];
    close: boolean;
    attempts: number;
    token: string | undefined;
    onTheWire: boolean;
    onSocket: boolean;
    wasFirst: boolean;
    constructor(rid: number, packets: OutgoingPacket[], close: boolean);
    body(codec: import("cometary:json").Codec, members: object): any;
}
export type SessionRecord = {
    sid: string;
    requests: number;
    packets: number;
    boundTo: string | undefined;
    renewalDue: boolean;
    nextRid: number;
    highestAnswered: number;
    ack: number;
    gen: number | undefined;
    at: string | undefined;
    unanswered: {
        rid: number;
        packets: OutgoingPacket[];
        close: boolean;
    }[];
};
export type Verdict = {
    next: "retry";
} | {
    next: "continue";
    packets: OutgoingPacket[];
} | {
    next: "reopen" | "end";
    reason: string;
};
}

declare module "cometary:said" {
export type OutgoingPacket = import("cometary:queue").OutgoingPacket;
export type Content = import("cometary:replica").Content;
export class Said {
    #private;
    constructor(tab: string, limits: import("cometary:options").Limits, codec: import("cometary:json").Codec);
    get unanswered(): number;
    get isEmpty(): boolean;
    get last(): number;
    get packets(): OutgoingPacket[];
    append(path: string, message: unknown, wishes: import("cometary:queue").Wishes): void;
    number(): number;
    say(which: (n: number) => boolean, line: number): {
        done: number;
        packets: Content[];
    } | undefined;
    among(runs: import("cometary:replica").Runs): import("cometary:queue").OutgoingPacket[];
    done(which: (n: number) => boolean): import("cometary:queue").OutgoingPacket[];
    drain(): import("cometary:queue").OutgoingPacket[];
}
}

declare module "cometary:size" {
export function sizeOf(written: import("cometary:json").Written): number;
export function secondsFor(written: import("cometary:json").Written): number;
}

declare module "cometary:socket" {
import { Carrier } from "cometary:carrier";
export type MoreSocketMeans = {
    url: string;
    codec: import("cometary:json").Codec;
    WebSocket: typeof globalThis.WebSocket | undefined;
};
export type SocketMeans = import("cometary:alarm").AlarmMeans & MoreSocketMeans;
export class Socket extends Carrier {
    #private;
    constructor(means: SocketMeans, margin: number, user: import("cometary:carrier").CarrierUser);
    takes(body: import("cometary:json").Written, request?: boolean): boolean;
    close(): void;
}
}

declare module "cometary:stream" {
import { Carrier } from "cometary:carrier";
export type StreamMeans = import("cometary:flights").FlightMeans;
export class Stream extends Carrier {
    #private;
    constructor(means: StreamMeans, margin: number, user: import("cometary:carrier").CarrierUser);
    close(): void;
}
}

declare module "cometary:tab" {
export type OutgoingPacket = import("cometary:queue").OutgoingPacket;
export class Tab {
    #private;
    state: import("cometary:connection").State;
    sid: string | undefined;
    constructor(url: string, options: import("cometary:holder").Chosen, tell: import("cometary:holder").Tell, name: string);
    get wire(): "requests" | "stream" | "websocket";
    get unanswered(): number;
    open(): void;
    send(path: string, message: unknown, wishes: import("cometary:queue").Wishes): void;
    connect(paths: readonly string[], opened: Promise<unknown>): Promise<void>;
    disconnect(paths: readonly string[]): Promise<void>;
    retry(): void;
    close(): void;
    end(reason: string): void;
    onPage(type: string, kept: boolean): void;
}
}

declare module "cometary:tabs" {
export function allTabs(name?: string): import("cometary:options").Share;
}

declare module "cometary:talk" {
export type Message = {
    kind: string;
    [member: string]: any;
};
export class Talk {
    #private;
    constructor(environment: import("cometary:options").Environment, name: string, tab: string, hear: (message: any) => void);
    get isOpen(): boolean;
    open(): void;
    close(): void;
    post(message: Message): void;
    ask(others: readonly string[]): Promise<void>;
}
}

declare module "cometary:wires" {
import { Socket } from "cometary:socket";
import { Stream } from "cometary:stream";
const KINDS: {
    websocket: typeof Socket;
    stream: typeof Stream;
};
export type Wire = keyof typeof KINDS;
export class Choice {
    #private;
    failed(): number;
    broke(now: number): number;
    networkIsBack(): void;
}
export type WiresUser = {
    attached: () => void;
    received: (fresh: import("cometary:protocol").Packet[], closed: boolean) => void;
    refused: (request: import("cometary:protocol").Request, outcome: import("cometary:exchange").Refused) => void;
    pump: () => void;
};
export type MoreWiresMeans = {
    wires: readonly Wire[];
    now: () => number;
    allowed?: () => boolean;
};
export type WiresMeans = import("cometary:socket").SocketMeans & import("cometary:stream").StreamMeans & MoreWiresMeans;
export class Wires {
    #private;
    attaching: boolean;
    constructor(means: WiresMeans, user: WiresUser);
    start(session: import("cometary:protocol").Session, margin: number): void;
    stop(): void;
    networkIsBack(): void;
    takes(body: import("cometary:json").Written): boolean;
    mayAttach(): boolean;
    attachment(): any;
    attached(): void;
    frame(body: any): void;
    sign(): void;
    broke(carrier: import("cometary:carrier").Carrier): void;
}
export {};
}
