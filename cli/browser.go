package cli

import (
	"fmt"
	"os/exec"
	"runtime"
)

// openBrowser shows url in the person's browser and does not wait for it.
func openBrowser(url string) error {
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	}
	c := exec.Command(opener, url)
	if err := c.Start(); err != nil {
		return fmt.Errorf("open a browser: %w", err)
	}
	go func() { _ = c.Wait() }() // how the browser fares is the person's to see
	return nil
}
