package web

import "testing"

func TestPerformance(t *testing.T) {
	expect(t, [][2]string{
		{`const a = performance.now(), b = performance.now(); return a >= 0 && b >= a && b < 60000`, "true"},
		{`return Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 60000`, "true"},
		{`return JSON.stringify(Object.keys(performance.toJSON())) + performance + (performance instanceof EventTarget)`, `["timeOrigin"][object Performance]true`},
		{`performance.mark('a', {startTime: 5, detail: 1}); performance.mark('b', {startTime: 9}); const m = performance.measure('m', 'a', 'b'); return [m.startTime, m.duration, m.entryType, m].join()`,
			"5,4,measure,[object PerformanceMeasure]"},
		{`performance.mark('b', {startTime: 2}); performance.mark('a', {startTime: 1}); return performance.getEntries().map(e => e.name).join()`, "a,b"},
		{`performance.mark('a'); performance.measure('a'); performance.clearMarks('a'); return performance.getEntriesByName('a').map(e => e.entryType).join()`, "measure"},
		{`const m = performance.measure('m', {start: 3, duration: 4}); return m.startTime + m.duration`, "7"},
		{`for (let i = 0; i < 1500; i++) performance.mark('m' + i); const l = performance.getEntriesByType('mark'); return l.length`, "1000"},
		{`performance.measure('m', 'none')`, "throws SyntaxError: ..."},
		{`performance.measure('m', {detail: 1})`, "throws TypeError: ..."},
		{`return performance.measure('m', {}).startTime`, "0"},
		{`performance.mark('m', {startTime: -1})`, "throws TypeError: ..."},
		{`return new PerformanceMark('x', {startTime: 1}).startTime`, "1"},
		{`new Performance()`, "throws TypeError: Illegal constructor..."},
	})
}

func TestPerformanceObserver(t *testing.T) {
	expect(t, [][2]string{
		{`const seen = []; const o = new PerformanceObserver((l, self) => seen.push(l.getEntries().map(e => e.name).join('+') + (self === o)))
		  o.observe({entryTypes: ['mark']}); performance.mark('a'); performance.mark('b'); performance.measure('m'); await 0; await 0; return seen.join()`, "a+btrue"},
		{`performance.mark('a'); let n; const o = new PerformanceObserver(l => n = l.getEntriesByName('a').length); o.observe({type: 'mark', buffered: true}); await 0; await 0; return n`, "1"},
		{`let n = 0; const o = new PerformanceObserver(() => n++); o.observe({type: 'mark'}); performance.mark('a'); const taken = o.takeRecords().length; await 0; await 0; return taken + ',' + n`, "1,0"},
		{`let n = 0; const o = new PerformanceObserver(() => n++); o.observe({type: 'mark'}); o.disconnect(); performance.mark('a'); await 0; await 0; return n`, "0"},
		{`return PerformanceObserver.supportedEntryTypes + '' + (PerformanceObserver.supportedEntryTypes === PerformanceObserver.supportedEntryTypes)`, "mark,measuretrue"},
		{`new PerformanceObserver(() => {}).observe({})`, "throws TypeError: ..."},
		{`new PerformanceObserver(1)`, "throws TypeError: ..."},
		{`const o = new PerformanceObserver(() => {}); o.observe({type: 'mark'}); o.observe({entryTypes: ['mark']})`, "throws InvalidModificationError: ..."},
	})
}

func TestNavigator(t *testing.T) {
	expect(t, [][2]string{
		{`return [navigator.userAgent, navigator.hardwareConcurrency > 0, navigator.language].join()`, "fortuna,true,en-US"},
		{`return String(navigator) + navigator.languages`, "[object Navigator]en-US"},
	})
}
