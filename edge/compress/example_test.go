package compress_test

import (
	"fmt"
	"strings"

	"github.com/fortunadws/fortuna/edge/compress"
)

func Example() {
	body := []byte(strings.Repeat("fortuna ", 1000))
	coding := compress.Negotiate("gzip;q=0.8, zstd", compress.Codings)
	if compress.Gains("text/plain; charset=utf-8") && len(body) >= compress.BytesMin {
		fmt.Println(coding, len(compress.Encode(coding, compress.Quick, body)) < len(body)/10)
	}
	// Output: zstd true
}
