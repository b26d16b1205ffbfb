package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"testing"
)

// The functions that most pieces of code below begin with.
const cryptoPrelude = `
	const S = crypto.subtle, text = s => new TextEncoder().encode(s)
	const hex = b => [...new Uint8Array(b)].map(x => x.toString(16).padStart(2, '0')).join('')
	const bytes = h => Uint8Array.from(h.match(/../g) || [], x => parseInt(x, 16))
`

func expectCrypto(t *testing.T, cases [][2]string) {
	t.Helper()
	for i := range cases {
		cases[i][0] = cryptoPrelude + cases[i][0]
	}
	expect(t, cases)
}

func TestCrypto_randomValues(t *testing.T) {
	expectCrypto(t, [][2]string{
		{`const a = new Uint8Array(64); return crypto.getRandomValues(a) === a && a.some(x => x > 0)`, "true"},
		{`const a = new Uint32Array(8); crypto.getRandomValues(a.subarray(2, 4)); return a[0] + a[1] + a[4] + ',' + (a[2] !== 0)`, "0,true"},
		{`return crypto.getRandomValues(new BigInt64Array(1)).length`, "1"},
		{`crypto.getRandomValues(new Uint8Array(65536)); return 'ok'`, "ok"},
		{`crypto.getRandomValues(new Uint8Array(65537))`, "throws QuotaExceededError: ..."},
		{`crypto.getRandomValues(new Float64Array(1))`, "throws TypeMismatchError: ..."},
		{`crypto.getRandomValues(new DataView(new ArrayBuffer(1)))`, "throws TypeMismatchError: ..."},
		{`crypto.getRandomValues({})`, "throws TypeMismatchError: ..."},
		{`crypto.getRandomValues.call({}, new Uint8Array(1))`, "throws TypeError: getRandomValues: illegal invocation..."},
		{`new Crypto()`, "throws TypeError: Illegal constructor..."},
		{`return crypto.subtle === crypto.subtle && String(crypto.subtle)`, "[object SubtleCrypto]"},
	})
	id := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if a, b := eval(t, `return crypto.randomUUID()`), eval(t, `return crypto.randomUUID()`); !id.MatchString(a) || a == b {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestSubtle_digest(t *testing.T) {
	expectCrypto(t, [][2]string{
		{`return hex(await S.digest('SHA-1', text('abc')))`, "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{`return hex(await S.digest({name: 'sha-256'}, text('abc').buffer))`, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{`return hex(await S.digest('SHA-512', new Uint8Array(0))).slice(0, 16)`, "cf83e1357eefb8bd"},
		{`return hex(await S.digest('SHA-256', new Uint8Array(1e6).fill(97)))`, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
		{`const b = new Uint8Array(1e5); const p = S.digest('SHA-256', b); b.fill(1); return hex(await p) === hex(await S.digest('SHA-256', new Uint8Array(1e5)))`, "true"},
		{`await S.digest('MD5', new Uint8Array(0))`, "throws NotSupportedError: ..."},
		{`await S.digest('SHA-1', 'abc')`, "throws TypeError: ..."},
		{`await S.digest('SHA-1', {get a() { throw 1 }})`, "throws TypeError: ..."},
		{`await S.digest('SHA-1')`, "throws TypeError: digest: 2 argument(s) required..."},
		{`await S.digest({}, new Uint8Array(0))`, "throws TypeError: ..."},
	})
}

func TestSubtle_hmac(t *testing.T) {
	m := hmac.New(sha256.New, []byte("key"))
	m.Write([]byte("message"))
	want := hex.EncodeToString(m.Sum(nil))
	expectCrypto(t, [][2]string{
		{`const k = await S.importKey('raw', text('key'), {name: 'HMAC', hash: 'SHA-256'}, false, ['sign', 'verify'])
		  const s = await S.sign('HMAC', k, text('message'))
		  return hex(s) + await S.verify('hmac', k, s, text('message')) + await S.verify('HMAC', k, s, text('massage'))`, want + "truefalse"},
		{`const k = await S.generateKey({name: 'HMAC', hash: {name: 'SHA-512'}}, true, ['sign'])
		  return [k.type, k.extractable, k.usages, JSON.stringify(k.algorithm), (await S.exportKey('raw', k)).byteLength, k].join()`,
			`secret,true,sign,{"name":"HMAC","hash":{"name":"SHA-512"},"length":1024},128,[object CryptoKey]`},
		{`const k = await S.importKey('jwk', {kty: 'oct', k: 'AQID', alg: 'HS256'}, {name: 'HMAC', hash: 'SHA-256'}, true, ['sign'])
		  return JSON.stringify(await S.exportKey('jwk', k))`, `{"kty":"oct","k":"AQID","alg":"HS256","key_ops":["sign"],"ext":true}`},
		{`const k = await S.importKey('raw', text('k'), {name: 'HMAC', hash: 'SHA-1'}, false, ['verify']); await S.sign('HMAC', k, text(''))`, "throws InvalidAccessError: ..."},
		{`const k = await S.importKey('raw', text('k'), {name: 'HMAC', hash: 'SHA-1'}, false, ['verify']); await S.exportKey('raw', k)`, "throws InvalidAccessError: ..."},
		{`await S.importKey('raw', text('k'), {name: 'HMAC', hash: 'SHA-1'}, false, [])`, "throws SyntaxError: ..."},
		{`await S.importKey('raw', text('k'), {name: 'HMAC', hash: 'SHA-1'}, false, ['encrypt'])`, "throws SyntaxError: ..."},
		{`await S.importKey('raw', text(''), {name: 'HMAC', hash: 'SHA-1'}, false, ['sign'])`, "throws DataError: ..."},
		{`await S.importKey('raw', text('k'), {name: 'HMAC', hash: 'MD5'}, false, ['sign'])`, "throws NotSupportedError: ..."},
		{`await S.importKey('jwk', {kty: 'oct', k: 'AQID', ext: false}, {name: 'HMAC', hash: 'SHA-1'}, true, ['sign'])`, "throws DataError: ..."},
		{`await S.importKey('jwk', {kty: 'oct', k: '!'}, {name: 'HMAC', hash: 'SHA-1'}, true, ['sign'])`, "throws DataError: ..."},
		{`await S.importKey('nope', text('k'), 'HMAC', true, ['sign'])`, "throws TypeError: ..."},
	})
}

func TestSubtle_aes(t *testing.T) {
	expectCrypto(t, [][2]string{
		// NIST SP 800-38D, test case 4 of the GCM specification.
		{`const k = await S.importKey('raw', bytes('feffe9928665731c6d6a8f9467308308'), 'AES-GCM', false, ['encrypt', 'decrypt'])
		  const p = {name: 'AES-GCM', iv: bytes('cafebabefacedbaddecaf888'), additionalData: bytes('feedfacedeadbeeffeedfacedeadbeefabaddad2')}
		  const m = bytes('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39')
		  const c = await S.encrypt(p, k, m)
		  return hex(c).slice(-32) + (hex(await S.decrypt(p, k, c)) === hex(m))`, "5bc94fbc3221a5db94fae95ae7121a47true"},
		{`const k = await S.generateKey({name: 'AES-GCM', length: 256}, false, ['encrypt', 'decrypt'])
		  for (const tagLength of [32, 64, 96, 104, 128]) for (const n of [1, 12, 16, 40]) {
			const p = {name: 'AES-GCM', iv: new Uint8Array(n), tagLength}
			const c = new Uint8Array(await S.encrypt(p, k, text('hello')))
			if (c.length !== 5 + tagLength / 8 || hex(await S.decrypt(p, k, c)) !== hex(text('hello'))) return 'bad ' + tagLength + ' ' + n
			c[0] ^= 1
			try { await S.decrypt(p, k, c); return 'accepted' } catch (e) { if (e.name !== 'OperationError') return e }
		  } return 'ok'`, "ok"},
		// NIST SP 800-38A F.2.1, with the padding that web cryptography adds.
		{`const k = await S.importKey('raw', bytes('2b7e151628aed2a6abf7158809cf4f3c'), 'AES-CBC', false, ['encrypt', 'decrypt'])
		  const p = {name: 'AES-CBC', iv: bytes('000102030405060708090a0b0c0d0e0f')}
		  const c = await S.encrypt(p, k, bytes('6bc1bee22e409f96e93d7e117393172a'))
		  return hex(c).slice(0, 32) + hex(await S.decrypt(p, k, c))`, "7649abac8119b246cee98e9b12e9197d6bc1bee22e409f96e93d7e117393172a"},
		{`const k = await S.generateKey({name: 'AES-CBC', length: 128}, false, ['decrypt']); await S.decrypt({name: 'AES-CBC', iv: new Uint8Array(16)}, k, new Uint8Array(5))`, "throws OperationError: ..."},
		{`const k = await S.generateKey({name: 'AES-CBC', length: 128}, false, ['encrypt']); await S.encrypt({name: 'AES-CBC', iv: new Uint8Array(15)}, k, new Uint8Array(5))`, "throws OperationError: ..."},
		// NIST SP 800-38A F.5.1.
		{`const k = await S.importKey('raw', bytes('2b7e151628aed2a6abf7158809cf4f3c'), 'AES-CTR', false, ['encrypt'])
		  return hex(await S.encrypt({name: 'AES-CTR', counter: bytes('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'), length: 64}, k, bytes('6bc1bee22e409f96e93d7e117393172a')))`, "874d6191b620e3261bef6864990db6ce"},
		{`const k = await S.generateKey({name: 'AES-CTR', length: 128}, false, ['encrypt']) // a counter of 4 bits wraps, and only those bits
		  const counter = bytes('000000000000000000000000000000ff'), start = bytes('000000000000000000000000000000f0'), zero = new Uint8Array(32)
		  const two = await S.encrypt({name: 'AES-CTR', counter, length: 4}, k, zero), one = await S.encrypt({name: 'AES-CTR', counter: start, length: 4}, k, new Uint8Array(16))
		  return hex(two).slice(32) === hex(one)`, "true"},
		{`const k = await S.generateKey({name: 'AES-CTR', length: 128}, false, ['encrypt']); await S.encrypt({name: 'AES-CTR', counter: new Uint8Array(16), length: 1}, k, new Uint8Array(33))`, "throws OperationError: ..."},
		// RFC 3394 4.1.
		{`const kek = await S.importKey('raw', bytes('000102030405060708090A0B0C0D0E0F'), 'AES-KW', false, ['wrapKey', 'unwrapKey'])
		  const k = await S.importKey('raw', bytes('00112233445566778899AABBCCDDEEFF'), 'AES-GCM', true, ['encrypt'])
		  const w = await S.wrapKey('raw', k, kek, 'AES-KW')
		  const u = await S.unwrapKey('raw', w, kek, 'AES-KW', 'AES-GCM', true, ['encrypt'])
		  return hex(w) + hex(await S.exportKey('raw', u))`, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe500112233445566778899aabbccddeeff"},
		{`const kek = await S.generateKey({name: 'AES-KW', length: 128}, false, ['unwrapKey']); await S.unwrapKey('raw', new Uint8Array(24), kek, 'AES-KW', 'AES-GCM', true, ['encrypt'])`, "throws OperationError: ..."},
		{`await S.generateKey({name: 'AES-GCM', length: 127}, false, ['encrypt'])`, "throws OperationError: ..."},
		{`await S.generateKey({name: 'AES-GCM', length: 128}, false, [])`, "throws SyntaxError: ..."},
		{`await S.importKey('raw', new Uint8Array(15), 'AES-GCM', false, ['encrypt'])`, "throws DataError: ..."},
		{`const k = await S.generateKey({name: 'AES-GCM', length: 128}, true, ['encrypt']), kek = await S.generateKey({name: 'AES-CBC', length: 128}, true, ['wrapKey', 'unwrapKey'])
		  const p = {name: 'AES-CBC', iv: new Uint8Array(16)}, w = await S.wrapKey('jwk', k, kek, p), u = await S.unwrapKey('jwk', w, kek, p, 'AES-GCM', true, ['encrypt'])
		  return hex(await S.exportKey('raw', u)) === hex(await S.exportKey('raw', k)) && (await S.exportKey('jwk', u)).alg`, "A128GCM"},
	})
}

func TestSubtle_derive(t *testing.T) {
	expectCrypto(t, [][2]string{
		// RFC 6070, test vector 2.
		{`const k = await S.importKey('raw', text('password'), 'PBKDF2', false, ['deriveBits'])
		  return hex(await S.deriveBits({name: 'PBKDF2', hash: 'SHA-1', salt: text('salt'), iterations: 2}, k, 160))`, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"},
		// RFC 5869 A.1.
		{`const k = await S.importKey('raw', bytes('0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b'), 'HKDF', false, ['deriveBits'])
		  return hex(await S.deriveBits({name: 'HKDF', hash: 'SHA-256', salt: bytes('000102030405060708090a0b0c'), info: bytes('f0f1f2f3f4f5f6f7f8f9')}, k, 336))`,
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{`const k = await S.importKey('raw', text('password'), 'PBKDF2', false, ['deriveKey'])
		  const d = await S.deriveKey({name: 'PBKDF2', hash: 'SHA-256', salt: text('s'), iterations: 1000}, k, {name: 'AES-GCM', length: 256}, false, ['encrypt'])
		  return d.algorithm.length + d.type`, "256secret"},
		{`const k = await S.importKey('raw', text('p'), 'PBKDF2', false, ['deriveBits']); await S.deriveBits({name: 'PBKDF2', hash: 'SHA-1', salt: text('s'), iterations: 4e9}, k, 8)`, "throws OperationError: ..."},
		{`const k = await S.importKey('raw', text('p'), 'PBKDF2', false, ['deriveBits']); await S.deriveBits({name: 'PBKDF2', hash: 'SHA-1', salt: text('s'), iterations: 1e6}, k, 65536)`, "throws OperationError: ..."},
		{`await S.importKey('pkcs8', new Uint8Array(1e6), {name: 'RSA-PSS', hash: 'SHA-1'}, false, ['sign'])`, "throws DataError: crypto.subtle.importKey: a key has at most..."},
		{`const k = await S.importKey('raw', text('p'), 'PBKDF2', false, ['deriveBits']); await S.deriveBits({name: 'PBKDF2', hash: 'SHA-1', salt: text('s'), iterations: 1}, k, 9)`, "throws OperationError: ..."},
		{`await S.importKey('raw', text('p'), 'PBKDF2', true, ['deriveBits'])`, "throws SyntaxError: ..."},
	})
}

func TestSubtle_pairs(t *testing.T) {
	expectCrypto(t, [][2]string{
		{`for (const [namedCurve, alg] of [['P-256', 'SHA-256'], ['P-384', 'SHA-384'], ['P-521', 'SHA-512']]) {
			const {publicKey, privateKey} = await S.generateKey({name: 'ECDSA', namedCurve}, true, ['sign', 'verify'])
			const p = {name: 'ECDSA', hash: alg}, s = await S.sign(p, privateKey, text('m'))
			for (const format of ['raw', 'spki', 'jwk']) {
				const again = await S.importKey(format, await S.exportKey(format, publicKey), {name: 'ECDSA', namedCurve}, true, ['verify'])
				if (!await S.verify(p, again, s, text('m')) || await S.verify(p, again, s, text('n'))) return format
			}
			for (const format of ['pkcs8', 'jwk']) {
				const again = await S.importKey(format, await S.exportKey(format, privateKey), {name: 'ECDSA', namedCurve}, true, ['sign'])
				if (!await S.verify(p, publicKey, await S.sign(p, again, text('m')), text('m'))) return format
			}
		  } return 'ok'`, "ok"},
		{`for (const alg of [{name: 'ECDH', namedCurve: 'P-256'}, {name: 'ECDH', namedCurve: 'P-521'}, {name: 'X25519'}]) {
			const a = await S.generateKey(alg, true, ['deriveBits']), b = await S.generateKey(alg, false, ['deriveBits'])
			const x = await S.deriveBits({...alg, public: b.publicKey}, a.privateKey, 128), y = await S.deriveBits({...alg, public: a.publicKey}, b.privateKey, 128)
			if (hex(x) !== hex(y) || x.byteLength !== 16) return alg.name
			for (const f of ['pkcs8', 'jwk']) {
				const again = await S.importKey(f, await S.exportKey(f, a.privateKey), alg, true, ['deriveBits'])
				if (hex(await S.deriveBits({...alg, public: b.publicKey}, again, 128)) !== hex(x)) return f
			}
		  } return 'ok'`, "ok"},
		// RFC 8032 7.1, test 2.
		{`const k = await S.importKey('jwk', {kty: 'OKP', crv: 'Ed25519', d: 'TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs', x: 'PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw'}, 'Ed25519', true, ['sign'])
		  return hex(await S.sign('Ed25519', k, bytes('72'))).slice(0, 32)`, "92a009a9f0d4cab8720e820b5f642540"},
		{`const {publicKey, privateKey} = await S.generateKey('Ed25519', true, ['sign', 'verify']), s = await S.sign('Ed25519', privateKey, text('m'))
		  const again = await S.importKey('spki', await S.exportKey('spki', publicKey), 'Ed25519', true, ['verify'])
		  return [await S.verify('Ed25519', again, s, text('m')), await S.verify('Ed25519', again, s, text('n'))].join()`, "true,false"},
		{`const p = {modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256'}
		  const k = await S.generateKey({name: 'RSASSA-PKCS1-v1_5', ...p}, true, ['sign', 'verify'])
		  const jwk = await S.exportKey('jwk', k.privateKey), spki = await S.exportKey('spki', k.publicKey), pkcs8 = await S.exportKey('pkcs8', k.privateKey)
		  if (jwk.alg !== 'RS256' || k.publicKey.algorithm.modulusLength !== 2048 || hex(k.publicKey.algorithm.publicExponent) !== '010001') return JSON.stringify(jwk)
		  delete jwk.alg; delete jwk.key_ops
		  for (const [name, q] of [['RSASSA-PKCS1-v1_5', {}], ['RSA-PSS', {saltLength: 32}]]) {
			const sk = await S.importKey('jwk', jwk, {name, hash: 'SHA-256'}, true, ['sign']), pk = await S.importKey('spki', spki, {name, hash: 'SHA-256'}, true, ['verify'])
			const s = await S.sign({name, ...q}, sk, text('m'))
			if (!await S.verify({name, ...q}, pk, s, text('m')) || await S.verify({name, ...q}, pk, s, text('n'))) return name
		  }
		  const sk = await S.importKey('pkcs8', pkcs8, {name: 'RSA-OAEP', hash: 'SHA-256'}, true, ['decrypt']), pk = await S.importKey('spki', spki, {name: 'RSA-OAEP', hash: 'SHA-256'}, true, ['encrypt'])
		  const c = await S.encrypt({name: 'RSA-OAEP', label: text('l')}, pk, text('secret'))
		  return hex(await S.decrypt({name: 'RSA-OAEP', label: text('l')}, sk, c)) === hex(text('secret'))`, "true"},
		{`await S.generateKey({name: 'RSA-PSS', modulusLength: 1e5, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256'}, true, ['sign'])`, "throws OperationError: ..."},
		{`await S.generateKey({name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([3]), hash: 'SHA-256'}, true, ['sign'])`, "throws OperationError: ..."},
		{`await S.importKey('jwk', {kty: 'RSA', n: 'AQAB', e: 'AQAB'}, {name: 'RSA-PSS', hash: 'SHA-1'}, true, ['verify'])`, "throws DataError: ..."},
		{`await S.importKey('spki', new Uint8Array(40), {name: 'RSA-PSS', hash: 'SHA-1'}, true, ['verify'])`, "throws DataError: ..."},
		{`await S.importKey('raw', new Uint8Array(65).fill(4), {name: 'ECDSA', namedCurve: 'P-256'}, true, ['verify'])`, "throws DataError: ..."},
		{`await S.generateKey({name: 'ECDSA', namedCurve: 'P-192'}, true, ['sign'])`, "throws NotSupportedError: ..."},
		{`const {publicKey} = await S.generateKey({name: 'ECDSA', namedCurve: 'P-256'}, false, ['sign', 'verify']); await S.exportKey('pkcs8', publicKey)`, "throws InvalidAccessError: ..."},
		{`const {publicKey, privateKey} = await S.generateKey({name: 'ECDSA', namedCurve: 'P-256'}, false, ['sign', 'verify']); return [publicKey.extractable, privateKey.extractable, publicKey.usages, privateKey.usages].join()`, "true,false,verify,sign"},
	})
}
