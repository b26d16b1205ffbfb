//go:build browser

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// fromTemplate makes a project and serves it.
func fromTemplate(t *testing.T, name string) (url string) {
	t.Helper()
	path, err := exec.LookPath("fortuna")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command(path, "init", "--template", name, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return serveFile(t, dir)
}

// person is somebody in front of a browser.
type person struct {
	t       *testing.T
	browser context.Context
}

// do does one thing after the other.
func (p person) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.browser, actions...); err != nil {
		text, _ := chromedp.Run(p.browser, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
		p.t.Fatalf("%v, at\n%s", err, text)
	}
}

// sees waits until the page shows all of want.
func (p person) sees(want ...string) {
	p.t.Helper()
	text := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var err error
		if text, err = chromedp.Run(p.browser, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`)); err != nil {
			p.t.Fatal(err)
		}
		missing := false
		for _, w := range want {
			missing = missing || !strings.Contains(text, w)
		}
		if !missing {
			return
		}
	}
	p.t.Fatalf("the page does not show %q but\n%s", want, text)
}

// presses a button that has this name.
func (p person) presses(name string) {
	p.t.Helper()
	p.do(chromedp.Click(fmt.Sprintf(`//button[@aria-label=%q or normalize-space()=%q]`, name, name)))
}

func (p person) types(field, text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(fmt.Sprintf(`//input[@name=%q and not(ancestor::*[@hidden])]`, field), text))
}

// looks checks what the page looks like, by day and by night, and leaves pictures.
func (p person) looks(picture string, want ...string) {
	p.t.Helper()
	dir := shots(p.t)
	light := look(p.t, p.browser, "light", filepath.Join(dir, picture+"-light.png"), want)
	dark := look(p.t, p.browser, "dark", filepath.Join(dir, picture+"-dark.png"), want)
	if light < 200 || dark > 60 {
		p.t.Errorf("the ground of %s is %d by day and %d by night, of 255", picture, light, dark)
	}
}

// Somebody fills a cart, makes an account, comes with a second device, and signs the first one out from there.
func TestTemplate_sessions(t *testing.T) {
	url := fromTemplate(t, "sessions")
	laptop, phone := person{t, openBrowser(t)}, person{t, openBrowser(t)}

	laptop.do(chromedp.Navigate(url))
	laptop.sees("Things for the table", "Sign in", "Cart 0")
	laptop.presses("Add Lamp")
	laptop.sees("Lamp is in your cart.", "Cart 1")
	laptop.presses("Add Cup")
	laptop.sees("Cart 2")
	laptop.looks("sessions-shop", "Lamp", "€49", "Cart 2")
	laptop.do(chromedp.Navigate(url + "/cart"))
	laptop.sees("Together €61")
	laptop.presses("One Cup more")
	laptop.sees("Together €73")
	laptop.presses("One Lamp less")
	laptop.sees("Together €24")
	laptop.looks("sessions-cart", "Your cart", "Cup")

	laptop.do(chromedp.Navigate(url + "/signup"))
	laptop.types("name", "Ada")
	laptop.types("password", "short")
	laptop.presses("Make an account")
	laptop.sees("A password has 8 characters or more.")
	laptop.types("password", "correct horse")
	laptop.presses("Make an account")
	laptop.sees("Welcome, Ada!", "Cart 2", "Sign out") // the cart came along

	phone.do(chromedp.Navigate(url + "/login"))
	phone.types("name", "ada")
	phone.types("password", "wrong horse")
	phone.presses("Sign in")
	phone.sees("do not belong together")
	phone.looks("sessions-login", "Sign in", "do not belong together")
	phone.types("password", "correct horse")
	phone.presses("Sign in")
	phone.sees("Welcome, Ada!", "Cart 0")
	phone.do(chromedp.Navigate(url + "/devices"))
	phone.sees("Your devices", "this one", "Sign out all others")
	phone.looks("sessions-devices", "Chrome on Linux", "since 20")
	phone.presses("Sign out all others")
	phone.sees("One device is signed out.")

	laptop.do(chromedp.Navigate(url + "/devices"))
	laptop.sees("Sign in", "Password")
	phone.do(chromedp.Navigate(url))
	phone.sees("Ada")
	phone.do(chromedp.Click(`form[action="/logout"] button`))
	phone.sees("Sign in", "Cart 0")
}

// Two people talk in a room; one who comes later reads what was said.
func TestTemplate_chat(t *testing.T) {
	url := fromTemplate(t, "chat")
	ada, bob, eve := person{t, openBrowser(t)}, person{t, openBrowser(t)}, person{t, openBrowser(t)}
	join := func(p person, name, room string) {
		t.Helper()
		p.do(chromedp.Navigate(url))
		p.types("name", name)
		if room != "lobby" {
			p.do(chromedp.SetValue(`input[name=room]`, room))
		}
		p.presses("Join")
		p.sees("#" + room)
	}
	ada.do(chromedp.Navigate(url))
	ada.looks("chat-door", "Come in")
	join(ada, "Ada", "lobby")
	join(bob, "Bob", "lobby")
	join(eve, "Eve", "attic")
	say := func(p person, text string) {
		t.Helper()
		p.types("text", text+kb.Enter)
	}
	say(ada, "Is anybody here?")
	bob.sees("Ada", "Is anybody here?")
	say(bob, "I am. <b>Hello!</b>")
	ada.sees("Bob", "I am. <b>Hello!</b>")
	say(eve, "Echo")
	eve.sees("Echo")
	ada.looks("chat-room", "#lobby", "Is anybody here?", "Hello!")

	late := person{t, openBrowser(t)}
	join(late, "Cleo", "lobby")
	late.sees("Is anybody here?", "Hello!")
	text, err := chromedp.Run(late.browser, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil || strings.Contains(text, "Echo") || strings.Count(text, "Hello!") != 1 {
		t.Errorf("%v: the room shows\n%s", err, text)
	}
}
