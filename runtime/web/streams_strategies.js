// The two queuing strategies (Streams 7).

const highWaterMarkInit = (what, args) => {
  required(what, 1, args.length);
  const init = args[0];
  if (!isObject(init) || init.highWaterMark === undefined) {
    throw new TypeError(`${what}: the argument must be an object with a highWaterMark`);
  }
  return +init.highWaterMark;
};

const byteLengthSize = { size(chunk) { return chunk.byteLength; } }.size;
const countSize = { size() { return 1; } }.size;

class ByteLengthQueuingStrategy {
  #highWaterMark;
  constructor(init) { this.#highWaterMark = highWaterMarkInit('ByteLengthQueuingStrategy', arguments); }
  get highWaterMark() {
    if (!(#highWaterMark in this)) throw illegal('highWaterMark');
    return this.#highWaterMark;
  }
  get size() {
    if (!(#highWaterMark in this)) throw illegal('size');
    return byteLengthSize;
  }
}
native(ByteLengthQueuingStrategy);

class CountQueuingStrategy {
  #highWaterMark;
  constructor(init) { this.#highWaterMark = highWaterMarkInit('CountQueuingStrategy', arguments); }
  get highWaterMark() {
    if (!(#highWaterMark in this)) throw illegal('highWaterMark');
    return this.#highWaterMark;
  }
  get size() {
    if (!(#highWaterMark in this)) throw illegal('size');
    return countSize;
  }
}
native(CountQueuingStrategy);
