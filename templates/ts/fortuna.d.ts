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
    /** The W3C trace that the request is part of. */
    readonly traceId: string | undefined;
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

  interface SocketHandlers<Env = unknown, Data = any> {
    open?(socket: Socket<Data>, env: Env, ctx: Context): unknown;
    message?(socket: Socket<Data>, message: string | Uint8Array, env: Env, ctx: Context): unknown;
    /** The peer has taken what it was behind with. */
    drain?(socket: Socket<Data>, env: Env, ctx: Context): unknown;
    close?(socket: Socket<Data>, code: number, reason: string, env: Env, ctx: Context): unknown;
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
  type Handler<Env = unknown> = (request: Request, env: Env, ctx: Context) => Response | undefined | Promise<Response | undefined>;

  /** A handler for every method, one for each, or an answer that never changes. */
  type Route<Env = unknown> = Handler<Env> | { [method: string]: Handler<Env> } | Response;

  interface App<Env = unknown> {
    /** Answers what no route matches. */
    fetch?: Handler<Env>;
    routes?: { [pattern: string]: Route<Env> };
    websocket?: SocketHandlers<Env>;
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
