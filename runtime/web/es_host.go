package web

import (
	"math"
	"math/big"

	"github.com/dop251/goja"
)

// languageHost lends es.js the functions of a feature that are written in Go.
func (r *Realm) languageHost(feature string) goja.Value {
	host := r.VM.NewObject()
	lend := func(key, name string, length int, f func(r *Realm, c goja.FunctionCall) goja.Value) {
		o := r.VM.ToValue(func(c goja.FunctionCall) goja.Value { return f(r, c) }).(*goja.Object)
		rename(o, name, length, r)
		must(host.Set(key, o))
	}
	switch feature {
	case "sumPrecise":
		lend("sumPrecise", "sumPrecise", 1, sumPrecise)
	case "transfer":
		lend("transfer", "transfer", 0, transferBuffer)
		lend("transferToFixedLength", "transferToFixedLength", 0, transferBuffer)
		lend("detached", "get detached", 0, func(r *Realm, c goja.FunctionCall) goja.Value {
			b, ok := arrayBuffer(c.This)
			if !ok {
				panic(r.TypeError("ArrayBuffer.prototype.detached: this is not an ArrayBuffer"))
			}
			return r.VM.ToValue(b.Detached())
		})
	}
	return host
}

func arrayBuffer(v goja.Value) (b goja.ArrayBuffer, ok bool) {
	if o, isObject := v.(*goja.Object); isObject {
		b, ok = o.Export().(goja.ArrayBuffer)
	}
	return b, ok
}

// transferBytesMax bounds the length that code may ask for.
const transferBytesMax = 64 << 20

// transferBuffer is ArrayBuffer.prototype.transfer (ECMA-262 25.1.6.8): the bytes move to a new buffer, cut or padded to
// the length asked for.
func transferBuffer(r *Realm, c goja.FunctionCall) goja.Value {
	b, ok := arrayBuffer(c.This)
	if !ok {
		panic(r.TypeError("ArrayBuffer.prototype.transfer: this is not an ArrayBuffer"))
	}
	length := math.NaN()
	if v := c.Argument(0); !goja.IsUndefined(v) {
		length = v.ToFloat() // runs code, which may detach the buffer
		if math.IsNaN(length) {
			length = 0
		}
		if length = math.Trunc(length); length < 0 || length > transferBytesMax {
			panic(r.RangeError("ArrayBuffer.prototype.transfer: the new length must be from 0 to %d, got %v", transferBytesMax, v))
		}
	}
	if b.Detached() {
		panic(r.TypeError("ArrayBuffer.prototype.transfer: the ArrayBuffer is detached"))
	}
	data := b.Bytes()
	if n := int(length); !math.IsNaN(length) && n != len(data) {
		moved := make([]byte, n)
		copy(moved, data)
		data = moved
	}
	b.Detach()
	return r.VM.ToValue(r.VM.NewArrayBuffer(data))
}

// sumPrecisionBits is enough for any sum of doubles to be exact until it is rounded once: their exponents span 2,098 bits,
// and 64 more count how many there are.
const sumPrecisionBits = 2098 + 64

// sumPrecise is Math.sumPrecise: the sum of an iterable of numbers, rounded once.
func sumPrecise(r *Realm, c goja.FunctionCall) goja.Value {
	items, ok := c.Argument(0).(*goja.Object)
	if !ok {
		panic(r.TypeError("Math.sumPrecise: the argument must be an iterable of numbers, got %s", kind(c.Argument(0))))
	}
	sum := new(big.Float).SetPrec(sumPrecisionBits)
	special, negativeZero := 0.0, true
	r.VM.ForOf(items, func(v goja.Value) bool {
		if kind(v) != "a number" {
			panic(r.TypeError("Math.sumPrecise: every item must be a number, got %s", kind(v)))
		}
		f := v.ToFloat()
		switch {
		case math.IsNaN(f) || math.IsInf(f, 0):
			special += f
		case f != 0 || !math.Signbit(f):
			negativeZero = false
			sum.Add(sum, new(big.Float).SetFloat64(f))
		}
		return true
	})
	switch {
	case special != 0: // NaN and the infinities
		return r.VM.ToValue(special)
	case negativeZero:
		return r.VM.ToValue(math.Copysign(0, -1))
	}
	total, _ := sum.Float64()
	return r.VM.ToValue(total)
}
