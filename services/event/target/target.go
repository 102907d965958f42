// Package target decides which addresses deliveries may go to, when an address is
// registered and again at every connection: what a name resolves to may change
// between the two. It makes the client that sends. What is sent, and when, is
// decided by others.
package target

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/internal/network"
)

// Refusal says in both languages why an address is not called.
type Refusal struct{ Zh, En string }

// Error implements error.
func (r *Refusal) Error() string { return "not a target: " + r.En }

func refuse(zh, en string) error { return &Refusal{zh, en} }

// Policy says what may be called. Its zero value allows https to public addresses
// alone. It MUST NOT be changed once it is in use.
type Policy struct {
	// Networks are the private networks that may be called.
	Networks []netip.Prefix
	// Loopback lets this machine itself be called, by http too: for tests and
	// sandboxes, never where others may register addresses.
	Loopback bool
	// Own says whether the installation itself listens there; nil: nowhere.
	Own func(netip.AddrPort) bool
	// Resolve finds the addresses of a name.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// label is a part of a name: letters, digits and hyphens, as DNS has them.
var label = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// URL says whether the text is an address of a form that may be called. It asks
// nobody.
func (p *Policy) URL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err == nil {
		u.Host = strings.Map(lower, u.Host) // url.Parse has done so with the scheme
	}
	switch {
	case err != nil, u.Opaque != "", u.Hostname() == "":
		return nil, refuse("不是有效的网址", "it is no URL")
	case u.User != nil:
		return nil, refuse("不得包含用户名或口令", "it holds a user or a password")
	case strings.Contains(text, "#"):
		return nil, refuse("不得包含 # 片段", "it has a fragment")
	case u.Scheme != "https" && !(u.Scheme == "http" && p.Loopback && network.Loopback(u.Hostname())):
		return nil, refuse("必须使用 https", "it is not https")
	}
	if err := port(u); err != nil {
		return nil, err
	}
	return u, p.host(u)
}

// lower is for letters of ASCII alone: what others become to some would be a letter
// of a name that was never looked at.
func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func port(u *url.URL) error {
	if u.Port() == "" && !strings.HasSuffix(u.Host, ":") {
		return nil
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
		return refuse("端口无效", "its port is none")
	}
	return nil
}

// host says whether the host is a public address or a name that may be asked for.
func (p *Policy) host(u *url.URL) error {
	host := u.Hostname()
	if a, err := netip.ParseAddr(host); err == nil {
		return p.Address(netip.AddrPortFrom(a, portOf(u)))
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	for _, l := range labels {
		if !label.MatchString(l) {
			return refuse("主机名只能由字母、数字和连字符组成，且不得以点结尾；中文域名请写成 xn-- 形式",
				"its host is not made of letters, digits and hyphens, or ends in a dot; write other scripts as xn--")
		}
	}
	switch {
	case host == "localhost" && p.Loopback:
		return nil
	case len(labels) == 1, last == "localhost", last == "local", last == "internal", last == "arpa":
		return refuse("主机名不是完整的公网域名", "its host is no full public name")
	case numeric(last):
		return refuse("IP 地址须写成通常的形式", "its host is an IP address in another than the usual form")
	}
	return nil
}

// numeric says whether a name that ends so is read as a number by some.
func numeric(last string) bool {
	digits := strings.TrimPrefix(last, "0x")
	set := "0123456789"
	if digits != last {
		set += "abcdef"
	}
	return strings.Trim(digits, set) == ""
}

func portOf(u *url.URL) uint16 {
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(n)
	}
	if u.Scheme == "http" {
		return 80
	}
	return 443
}

// Check says whether an address may be registered: its form, and everything that
// its name means now.
func (p *Policy) Check(ctx context.Context, text string) error {
	u, err := p.URL(text)
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil // URL has looked at it
	}
	found, err := p.Resolve(ctx, u.Hostname())
	if err != nil || len(found) == 0 {
		return refuse("主机名无法解析", "its host cannot be resolved")
	}
	for _, a := range found {
		if err := p.Address(netip.AddrPortFrom(a, portOf(u))); err != nil {
			return err
		}
	}
	return nil
}

// Address says whether a connection may be made to it.
func (p *Policy) Address(at netip.AddrPort) error {
	a := at.Addr().Unmap()
	switch {
	case at.Addr().Zone() != "":
		return refuse("不得指定网络接口", "it names an interface")
	case p.Own != nil && p.Own(netip.AddrPortFrom(a, at.Port())):
		return refuse("是本系统自己的地址", "it is this installation itself")
	case a.IsLoopback() && p.Loopback:
		return nil
	case within(a, never):
		return refuse(fmt.Sprintf("%s 是不可推送的特殊地址", a), fmt.Sprintf("%s is a special address", a))
	case within(a, private):
		if within(a, p.Networks) {
			return nil
		}
		return refuse(fmt.Sprintf("%s 属于未经允许的内部网络", a), fmt.Sprintf("%s is of a private network that is not allowed", a))
	case a.Is6() && !public6.Contains(a), !a.IsValid():
		return refuse(fmt.Sprintf("%s 不是公网地址", a), fmt.Sprintf("%s is no public address", a))
	}
	return nil
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

var (
	// never are called whatever is configured: this machine, its links and groups,
	// the clouds' metadata, what embeds an IPv4 address, and what is reserved.
	never = prefixes(
		"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
		"192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "192.88.99.0/24",
		"100.100.100.200/32", "168.63.129.16/32",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/23", "2001:db8::/32", "3fff::/20",
		"100::/64", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128",
	)
	private = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
	public6 = netip.MustParsePrefix("2000::/3")
)
