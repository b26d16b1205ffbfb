// What fortuna adds to the web platform.

interface Request {
  /** What the pattern of the route captured: { id: "42" } for "/users/:id". */
  readonly params: Record<string, string>;
  /** The cookies that came. What is set or deleted here is said by the answer, whatever Response that is. */
  cookies: CookieMap;
  /** What TLS told; null without it. The client is null unless it showed a certificate. */
  readonly tls: { client: fortuna.TLSClient | null } | null;
}

declare namespace fortuna {
  interface Context {
    /** Lets work go on after the answer has been sent. */
    waitUntil(work: Promise<unknown>): void;
    /** Answers that the connection is a WebSocket, whose events go to the app's websocket handlers. False, with nothing
     * answered, when the request does not ask for one. */
    upgrade(request: Request, options?: { data?: unknown; headers?: HeadersInit }): boolean;
    /** Sends a message to every socket on this node that has subscribed to the topic. Gives its bytes; 0 if there is none. */
    publish(topic: string, message: string | ArrayBuffer | ArrayBufferView): number;
    subscriberCount(topic: string): number;
    /** The visitor's, with [session] in fortuna.toml. */
    readonly session: Session;
    /** All of them, with [session] in fortuna.toml. */
    readonly sessions: Sessions;
    /** The W3C trace that the request is part of. */
    readonly traceId: string | undefined;
  }

  /**
   * One entry per visitor, the same on every node. What is changed is noted, made durable before the answer leaves, and made again
   * when another request was first; when the handler fails nothing is changed. Values are JSON; all of them take up to
   * session.bytes_max (64 kB), else QuotaExceededError. UnavailableError: the store does not answer; the client gets 503 and Retry-After.
   */
  interface Session {
    /** The public id; null before there is a session. It lets nobody come as the visitor. */
    readonly id: string | null;
    readonly isNew: boolean;
    /** 0 before it is stored. */
    readonly rev: number;
    /** When it ends if nobody uses it. */
    readonly expiresAt: Date | null;
    /** Whose it is. To set it gives the session a new id; null is nobody's again. */
    get user(): string | null;
    set user(user: string | number | null);
    get<T = any>(name: string): T | undefined;
    keys(): string[];
    set(name: string, value: unknown): this;
    /** Whether there was such a value. */
    delete(name: string): boolean;
    /** The sum, which other requests may have added to by the time it is stored. */
    inc(name: string, by?: number): number;
    push(name: string, ...items: unknown[]): this;
    /** Keeps a value to be read once, or reads it. */
    flash(name: string, value: unknown): void;
    flash<T = any>(name: string): T | undefined;
    /** Several changes as one. The function must not be async: it may be called again. */
    update<T>(change: (session: this) => T): T;
    /** Makes the changes durable now. */
    save(): Promise<void>;
    touch(): void;
    /** Gives the session a new id. */
    regenerate(): void;
    /** Ends it on every node, with the WebSockets (4401) and streams that it opened. */
    destroy(): void;
    toJSON(): Record<string, any>;
  }

  /** The sessions of all visitors. What is revoked is over on every node, with the WebSockets (4401) and streams that it opened. */
  interface Sessions {
    /** Those of a user, up to 1,000. */
    list(user: string | number): Promise<SessionInfo[]>;
    /** By its public id. */
    get(id: string): Promise<SessionInfo | null>;
    /** Whether there was such a session. */
    revoke(id: string): Promise<boolean>;
    /** How many there were. */
    revokeUser(user: string | number): Promise<number>;
    revokeAll(): Promise<void>;
    count(): Promise<number>;
  }

  interface SessionInfo {
    /** The public id, as ctx.session.id. */
    id: string;
    user: string | null;
    createdAt: Date;
    /** When it was last renewed: half of session.idle_s may have passed since its last use. */
    usedAt: Date;
    expiresAt: Date;
    /** It is that of this request. */
    current: boolean;
    data: Record<string, any>;
  }

  /** env.NAME for [rate_limit.NAME], counted over all nodes. */
  interface RateLimit {
    limit(options: { key: string | number }): Promise<{ success: boolean }>;
  }

  /** A WebSocket, for as long as one event is handled: the next may be handled in another VM. */
  interface Socket<Data = any> {
    /** Plain data, dates and bytes, of limits.socket_data_bytes (64 kB). A copy: what the handler makes of it is kept when it returns. */
    data: Data;
    /** Gives the bytes sent; -1 when the peer is behind (then drain follows), 0 when the message was dropped. */
    send(message: string | ArrayBuffer | ArrayBufferView): number;
    sendText(message: string): number;
    sendBinary(message: ArrayBuffer | ArrayBufferView): number;
    ping(payload?: string | ArrayBuffer | ArrayBufferView): number;
    close(code?: number, reason?: string): void;
    /** Ends the connection without a close frame. */
    terminate(): void;
    /** Up to limits.topics_max (100) of 256 bytes. */
    subscribe(topic: string): void;
    unsubscribe(topic: string): void;
    isSubscribed(topic: string): boolean;
    /** To every other subscriber. */
    publish(topic: string, message: string | ArrayBuffer | ArrayBufferView): number;
    cork<T>(work: (socket: Socket<Data>) => T): T;
    getBufferedAmount(): number;
    readonly readyState: number;
    readonly remoteAddress: string;
    readonly protocol: string;
  }

  interface SocketHandlers<E = Env, Data = any> {
    open?(socket: Socket<Data>, env: E, ctx: Context): unknown;
    message?(socket: Socket<Data>, message: string | Uint8Array, env: E, ctx: Context): unknown;
    /** The peer has taken what it was behind with. */
    drain?(socket: Socket<Data>, env: E, ctx: Context): unknown;
    close?(socket: Socket<Data>, code: number, reason: string, env: E, ctx: Context): unknown;
  }

  interface TLSClient {
    /** Distinguished names, like "CN=alice,O=Example". */
    subject: string;
    issuer: string;
    /** SHA-256 of the certificate, in hex. */
    fingerprint: string;
    /** It leads to an authority of client_ca and is valid now. Else anybody may have made it. */
    verified: boolean;
  }

  /** Nothing is returned after ctx.upgrade. */
  type Handler<E = Env> = (request: Request, env: E, ctx: Context) => Response | undefined | Promise<Response | undefined>;

  /** A handler for every method, one for each, or an answer that never changes. */
  type Route<E = Env> = Handler<E> | { [method: string]: Handler<E> } | Response;

  interface App<E = Env> {
    /** Answers what no route matches. */
    fetch?: Handler<E>;
    routes?: { [pattern: string]: Route<E> };
    websocket?: SocketHandlers<E>;
    /** Gets what was sent to the queues of fortuna.toml. When it fails, what it has not acknowledged comes again. */
    queue?(batch: MessageBatch, env: E, ctx: Context): unknown;
    /** Is called at the times of triggers.crons, on one node. */
    scheduled?(event: ScheduledController, env: E, ctx: Context): unknown;
  }

  interface CookieInit {
    name?: string;
    value?: string;
    /** None: only the host that set it. */
    domain?: string | null;
    /** "/" unless set; "" leaves it to the browser. */
    path?: string;
    /** A number is of seconds since 1970. */
    expires?: Date | number | string | null;
    /** Seconds; comes before expires. */
    maxAge?: number | null;
    secure?: boolean;
    httpOnly?: boolean;
    partitioned?: boolean;
    /** "lax" unless set. */
    sameSite?: "strict" | "lax" | "none";
  }
}

declare class Cookie {
  constructor(name: string, value: string, options?: fortuna.CookieInit);
  constructor(init: fortuna.CookieInit & { name: string });
  /** The text of a Set-Cookie header. */
  constructor(text: string);
  static parse(text: string): Cookie;
  static from(name: string, value: string, options?: fortuna.CookieInit): Cookie;
  readonly name: string;
  value: string;
  domain: string | null;
  path: string;
  expires: Date | undefined;
  maxAge: number | undefined;
  secure: boolean;
  httpOnly: boolean;
  partitioned: boolean;
  sameSite: "strict" | "lax" | "none";
  isExpired(): boolean;
  toString(): string;
  serialize(): string;
  toJSON(): fortuna.CookieInit;
}

declare class CookieMap implements Iterable<[string, string]> {
  constructor(init?: string | Iterable<[string, string]> | Record<string, string> | null);
  readonly size: number;
  get(name: string): string | null;
  has(name: string): boolean;
  set(name: string, value: string, options?: fortuna.CookieInit): void;
  set(cookie: Cookie | (fortuna.CookieInit & { name: string })): void;
  /** Only a cookie of the same domain and path goes away. */
  delete(name: string, options?: { domain?: string | null; path?: string }): void;
  delete(cookie: { name: string; domain?: string | null; path?: string }): void;
  toJSON(): Record<string, string>;
  toSetCookieHeaders(): string[];
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  forEach(callback: (value: string, name: string, map: CookieMap) => void, thisArg?: unknown): void;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

type KVConsistency = "eventual" | "session" | "strong";

interface KVGetOptions<Type> {
  type?: Type;
  /** Accepted for Workers' sake: copies are kept up to date, not kept for a time. */
  cacheTtl?: number;
  /**
   * "session", the default: never older than what this request and this visitor's session have seen, nor than 2 s. "strong" asks the
   * store's leader; while a cluster replaces one, the former may answer once more, so decide by conditions. "eventual" takes what is here.
   */
  consistency?: KVConsistency;
}

/** What a key must be for a change to be made: else put and delete give null. */
interface KVCondition {
  /** The revision that put or getWithMetadata gave; null: the key has no value. */
  onlyIfRev?: number | null;
  onlyIfNew?: boolean;
}

interface KVPutOptions extends KVCondition {
  /** Unix seconds. */
  expiration?: number;
  /** Seconds, from 1. */
  expirationTtl?: number;
  /** JSON of up to 1,024 bytes. */
  metadata?: unknown;
}

interface KVChange<Value = string> {
  key: string;
  value: Value | null;
  metadata: any;
  rev: number;
  deleted: boolean;
  written: Date;
}

/** Changes that are made together, or not at all; up to 500 keys, each named once. */
interface KVAtomic {
  check(key: string, rev: number | null): this;
  set(key: string, value: string | ArrayBuffer | ArrayBufferView, options?: Omit<KVPutOptions, keyof KVCondition>): this;
  delete(key: string): this;
  /** Adds to the whole number that the key holds as text, 0 if it has no value. */
  sum(key: string, by: number | bigint): this;
  commit(): Promise<{ ok: true; revs: Record<string, number> } | { ok: false }>;
}

/**
 * env.NAME for [kv.NAME]: Workers' KVNamespace, with revisions. Keys have up to 512 bytes in UTF-8, values up to 25 MiB (512 kB with history, and in atomic()). Errors: TypeError for
 * what can never be done, QuotaExceededError for what is too large or has no room, UnavailableError when the store does not answer within
 * limits.state_ms (10 s); uncaught, the client gets 503 and Retry-After.
 */
interface KVNamespace {
  get(key: string, type?: "text" | KVGetOptions<"text">): Promise<string | null>;
  get<T = any>(key: string, type: "json" | (KVGetOptions<"json"> & { type: "json" })): Promise<T | null>;
  get(key: string, type: "arrayBuffer" | (KVGetOptions<"arrayBuffer"> & { type: "arrayBuffer" })): Promise<ArrayBuffer | null>;
  get(key: string, type: "stream" | (KVGetOptions<"stream"> & { type: "stream" })): Promise<ReadableStream | null>;
  /** Up to 100 keys. */
  get(keys: string[], type?: "text" | KVGetOptions<"text">): Promise<Map<string, string | null>>;
  get<T = any>(keys: string[], type: "json" | (KVGetOptions<"json"> & { type: "json" })): Promise<Map<string, T | null>>;
  getWithMetadata<Metadata = any>(key: string, type?: "text" | KVGetOptions<"text">): Promise<KVValue<string, Metadata>>;
  getWithMetadata<T = any, Metadata = any>(key: string, type: "json" | (KVGetOptions<"json"> & { type: "json" })): Promise<KVValue<T, Metadata>>;
  getWithMetadata<Metadata = any>(key: string, type: "arrayBuffer" | (KVGetOptions<"arrayBuffer"> & { type: "arrayBuffer" })): Promise<KVValue<ArrayBuffer, Metadata>>;
  getWithMetadata<Metadata = any>(key: string, type: "stream" | (KVGetOptions<"stream"> & { type: "stream" })): Promise<KVValue<ReadableStream, Metadata>>;
  /** The new revision; null when a condition was not met. */
  put(key: string, value: string | ArrayBuffer | ArrayBufferView | Blob | ReadableStream, options?: KVPutOptions): Promise<number | null>;
  delete(key: string, options?: KVCondition): Promise<number | null>;
  /** In the order of the keys' bytes, up to 1,000 at a time. */
  list<Metadata = any>(options?: { prefix?: string; limit?: number; cursor?: string | null }): Promise<KVList<Metadata>>;
  atomic(): KVAtomic;
  /** What is there, and then every change, for as long as the request lasts. The pattern is a key, or the beginning of keys with "*" behind it. */
  watch(pattern?: string, type?: "text" | KVGetOptions<"text">): AsyncIterableIterator<KVChange>;
  /** Oldest first: with [kv.NAME] history = 10, up to ten. */
  history(key: string, type?: "text" | KVGetOptions<"text">): Promise<KVChange[]>;
}

interface KVValue<Value, Metadata> {
  value: Value | null;
  metadata: Metadata | null;
  rev: number | null;
  cacheStatus: null;
}

type KVList<Metadata> = {
  keys: { name: string; rev: number; expiration?: number; metadata?: Metadata }[];
  cacheStatus: null;
} & ({ list_complete: true } | { list_complete: false; cursor: string });

interface QueueSendOptions {
  /** "json" unless set. */
  contentType?: "json" | "text" | "bytes";
  /** Before the message can be received: up to 30 days. */
  delaySeconds?: number;
}

/** env.NAME for [queue.NAME]: Workers' Queue. A message has up to 512 kB. It is kept when the promise is fulfilled. */
interface Queue<Body = unknown> {
  send(body: Body, options?: QueueSendOptions): Promise<void>;
  /** Up to 100 messages, all or none. */
  sendBatch(messages: Iterable<{ body: Body } & QueueSendOptions>, options?: { delaySeconds?: number }): Promise<void>;
}

interface MessageBatch<Body = any> {
  /** The name of the queue in fortuna.toml. */
  readonly queue: string;
  readonly messages: readonly Message<Body>[];
  /** Of all that nothing else is said of. */
  ackAll(): void;
  retryAll(options?: { delaySeconds?: number }): void;
}

/** The first word on a message counts. Without one it is done when the handler ends well, and comes again when it fails. */
interface Message<Body = any> {
  readonly id: string;
  readonly timestamp: Date;
  readonly body: Body;
  /** This one included. */
  readonly attempts: number;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

interface ScheduledController {
  /** The tick, in Unix milliseconds: it may be past when the handler is called. */
  readonly scheduledTime: number;
  /** As it stands in triggers.crons. */
  readonly cron: string;
  readonly type: "scheduled";
  noRetry(): void;
}
