// The transform streams of other standards: Encoding 7.4 and 7.5, Compression 4 and 5.

// textEncoder holds back the first half of a surrogate pair until its second arrives (Encoding 7.4).
const textEncoder = () => {
  let held = '';
  return {
    transform(chunk, enqueue) {
      let text = held + `${chunk}`;
      held = '';
      const last = charCodeAt(text, text.length - 1);
      if (last >= 0xd800 && last <= 0xdbff) {
        held = text[text.length - 1];
        text = sliceText(text, 0, -1);
      }
      if (text !== '') enqueue(host.encode(text));
    },
    flush(enqueue) { if (held !== '') enqueue(host.encode(held)); },
    cancel: nothing,
  };
};
const charCodeAt = uncurry(String.prototype.charCodeAt);
const sliceText = uncurry(String.prototype.slice);

class TextEncoderStream {
  #transform;
  constructor() { this.#transform = createTransform(textEncoder()); }
  get encoding() {
    if (!isObject(this) || !(#transform in this)) throw illegal('encoding');
    return 'utf-8';
  }
  get readable() {
    if (!isObject(this) || !(#transform in this)) throw illegal('readable');
    return this.#transform.readable.object;
  }
  get writable() {
    if (!isObject(this) || !(#transform in this)) throw illegal('writable');
    return this.#transform.writable.object;
  }
}
native(TextEncoderStream);

const textDecoder = (decoder) => {
  const decode = decoder.decode.bind(decoder);
  return {
    transform(chunk, enqueue) {
      if (chunk === undefined) throw new TypeError('TextDecoderStream: a chunk must be bytes, got undefined');
      const text = decode(chunk, { stream: true });
      if (text !== '') enqueue(text);
    },
    flush(enqueue) {
      const text = decode();
      if (text !== '') enqueue(text);
    },
    cancel: nothing,
  };
};

class TextDecoderStream {
  #transform;
  #decoder;
  constructor() {
    const TextDecoder = host.class('TextDecoder');
    this.#decoder = new TextDecoder(arguments[0], arguments[1]);
    this.#transform = createTransform(textDecoder(this.#decoder));
  }
  get encoding() {
    if (!isObject(this) || !(#transform in this)) throw illegal('encoding');
    return this.#decoder.encoding;
  }
  get fatal() {
    if (!isObject(this) || !(#transform in this)) throw illegal('fatal');
    return this.#decoder.fatal;
  }
  get ignoreBOM() {
    if (!isObject(this) || !(#transform in this)) throw illegal('ignoreBOM');
    return this.#decoder.ignoreBOM;
  }
  get readable() {
    if (!isObject(this) || !(#transform in this)) throw illegal('readable');
    return this.#transform.readable.object;
  }
  get writable() {
    if (!isObject(this) || !(#transform in this)) throw illegal('writable');
    return this.#transform.writable.object;
  }
}
native(TextDecoderStream);

class CompressionStream {
  #transform;
  constructor(format) {
    required('CompressionStream', 1, arguments.length);
    this.#transform = createTransform(host.compressor(`${format}`));
  }
  get readable() {
    if (!isObject(this) || !(#transform in this)) throw illegal('readable');
    return this.#transform.readable.object;
  }
  get writable() {
    if (!isObject(this) || !(#transform in this)) throw illegal('writable');
    return this.#transform.writable.object;
  }
}
native(CompressionStream);

class DecompressionStream {
  #transform;
  constructor(format) {
    required('DecompressionStream', 1, arguments.length);
    this.#transform = createTransform(host.decompressor(`${format}`));
  }
  get readable() {
    if (!isObject(this) || !(#transform in this)) throw illegal('readable');
    return this.#transform.readable.object;
  }
  get writable() {
    if (!isObject(this) || !(#transform in this)) throw illegal('writable');
    return this.#transform.writable.object;
  }
}
native(DecompressionStream);
