package bundle

// Limits are the sizes a bundle may have. They stand between people's code and three recursive programs (esbuild's
// parser, goja's parser, goja's compiler), whose stacks end the process when they overflow.
var Limits = struct {
	SourceBytesMax int // one input file, or the output
	NestingMax     int // brackets open at one point
	PendingMax     int // tokens of unfinished statements at one point: an operator chain, a ladder of else if; see levels
}{
	SourceBytesMax: 5 << 20,
	NestingMax:     1000,
	PendingMax:     20_000,
}
