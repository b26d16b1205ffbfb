//go:build browser

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// shots is where the tests leave their pictures: the directory that FORTUNA_SHOTS names, else a temporary one.
func shots(t *testing.T) string {
	if dir := os.Getenv("FORTUNA_SHOTS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// openBrowser starts a headless Chromium that ends with the test.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("FORTUNA_CHROMIUM")
	if path == "" {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			if found, err := exec.LookPath(name); err == nil {
				path = found
				break
			}
		}
	}
	if path == "" {
		t.Fatal("there is no Chromium: apt-get install chromium, or name one in FORTUNA_CHROMIUM")
	}
	// Without a sandbox: it needs rights that containers lack, and the page is our own.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1000, 760),
		chromedp.IgnoreCertErrors) // a certificate for this machine is trusted by nobody else
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it; a deadline before this would be the browser's life
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 2*patience)
	t.Cleanup(cancel)
	return ctx
}

// serveFile runs fortuna dev on dir and gives its address.
func serveFile(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	path, err := exec.LookPath("fortuna") // the one that testscript.Main has put into the PATH
	if err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(t.TempDir(), "ready")
	cmd := exec.Command(path, append([]string{"dev", dir, "--port", "0", "--ready-file", ready}, flags...)...)
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+t.TempDir()) // where --https keeps its authority
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Logf("[dev]\n%s", &log)
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if data, err := os.ReadFile(ready); err == nil {
			return strings.TrimSpace(string(data))
		}
	}
	t.Fatal("dev is not ready")
	return ""
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	working  = "export default () => new Response(\"<p id=app>good</p>\", { headers: { \"Content-Type\": \"text/html\" } });\n"
	mistyped = "const greeting = \"hello\";\n\nexport default {\n  fetch(request) {\n    return new Response(greeting;\n  },\n};\n"
	throwing = "function greet(user) {\n  return `hello ${user.name.first}`;\n}\n\nexport default {\n  fetch(request) {\n    return new Response(greet({}));\n  },\n};\n"
)

// TestErrorPage looks at the error page as a person does: in a browser, by day and by night.
func TestErrorPage(t *testing.T) {
	dir := t.TempDir()
	code := filepath.Join(dir, "index.js")
	writeFile(t, code, mistyped)
	url := serveFile(t, dir)
	browser, pictures := openBrowser(t), shots(t)
	open := func() {
		t.Helper()
		if err := chromedp.Do(browser, chromedp.Navigate(url+"/shop?id=1")); err != nil {
			t.Fatal(err)
		}
	}
	see := func(picture string, want ...string) {
		t.Helper()
		light := look(t, browser, "light", filepath.Join(pictures, picture+"-light.png"), want)
		dark := look(t, browser, "dark", filepath.Join(pictures, picture+"-dark.png"), want)
		if light < 200 || dark > 60 {
			t.Errorf("the ground of %s is %d by day and %d by night, of 255", picture, light, dark)
		}
	}

	open()
	see("build", "The code does not build", "Expected \")\" but found \";\"", "index.js:5:33",
		"> 5 |     return new Response(greeting;", "Waiting for the next save")

	// The page reloads itself when the code is mended.
	writeFile(t, code, working)
	if err := chromedp.Do(browser, chromedp.WaitVisible("#app")); err != nil {
		t.Fatal(err)
	}

	writeFile(t, code, throwing)
	eventuallyTitled(t, browser, open, "The handler failed")
	see("run", "The handler failed", "TypeError: Cannot read property 'first' of undefined", "index.js:2:",
		"> 2 |   return `hello ${user.name.first}`;", "Stack", "at greet (index.js:2:", "GET /shop?id=1")

	// A save that breaks what works is seen too.
	writeFile(t, code, mistyped)
	eventuallyTitled(t, browser, open, "The code does not build")
	see("broken-save", "index.js:5:33", "answered by the last version that worked")
}

// TestPage lets a browser do what browsers do with a server: a page says what came of it.
func TestPage(t *testing.T) {
	for scheme, row := range map[string]struct {
		flags  []string
		checks int
	}{"http": {nil, 6}, "https": {[]string{"--https"}, 8}} {
		t.Run(scheme, func(t *testing.T) {
			url := serveFile(t, "testdata/page", row.flags...)
			browser := openBrowser(t)
			if err := chromedp.Do(browser, chromedp.Navigate(url)); err != nil {
				t.Fatal(err)
			}
			title := ""
			for deadline := time.Now().Add(patience); title != "done" && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
				var err error
				if title, err = chromedp.Run(browser, chromedp.Title()); err != nil {
					t.Fatal(err)
				}
			}
			said, err := chromedp.Run(browser, chromedp.Evaluate[string](`document.getElementById('out').innerText`))
			if err != nil {
				t.Fatal(err)
			}
			if title != "done" || strings.Contains(said, "FAILED") || strings.Count(said, "ok ") != row.checks {
				t.Errorf("the page, which is %q, says\n%s", title, said)
			}
			shot, err := chromedp.Run(browser, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(shots(t), "page-"+scheme+".png"), shot, 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// eventuallyTitled opens the page until it has that title: a save is seen when it has been built.
func eventuallyTitled(t *testing.T, browser context.Context, open func(), want string) {
	t.Helper()
	title, err := "", error(nil)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		open()
		if title, err = chromedp.Run(browser, chromedp.Title()); err != nil {
			t.Fatal(err)
		}
		if title == want {
			return
		}
	}
	t.Fatalf("the page is called %q, want %q", title, want)
}

// look checks that the text on the screen holds want and that nothing is wider than the window, leaves a picture and
// gives how bright the ground is, from 0 to 255.
func look(t *testing.T, browser context.Context, scheme, picture string, want []string) int {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(browser, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	text, err := chromedp.Run(browser, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		t.Fatal(err)
	}
	excess, err := chromedp.Run(browser, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`))
	if err != nil {
		t.Fatal(err)
	}
	shot, err := chromedp.Run(browser, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s: a person does not see %q in\n%s", scheme, w, text)
		}
	}
	if excess > 0 {
		t.Errorf("%s: the page is %d pixels wider than the window", scheme, excess)
	}
	if err := os.WriteFile(picture, shot, 0o644); err != nil {
		t.Fatal(err)
	}
	image, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(fmt.Errorf("the picture of %s: %w", scheme, err))
	}
	r, g, b, _ := image.At(2, 2).RGBA()
	return int((r + g + b) / 3 >> 8)
}
