package secret_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/duban-project/duban/services/event/secret"
)

// The example by which the libraries of Standard Webhooks are tested.
func TestSignIsThatOfTheSpecification(t *testing.T) {
	const text = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := secret.Text(key); got != "whsec_"+text {
		t.Errorf("Text = %s", got)
	}
	body := []byte(`{"test": 2432232314}`)
	at := time.Unix(1614265330, 0)
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := secret.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, key); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
	if got := secret.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, secret.New(), key); !strings.HasSuffix(got, " "+want) || !strings.HasPrefix(got, "v1,") {
		t.Errorf("by two keys: %s", got)
	}
}

func TestAVaultOpensForItsWebhookAlone(t *testing.T) {
	vault, err := secret.NewVault(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	other, err := secret.NewVault(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	key := secret.New()
	sealed := vault.Seal("webhooks/a", key)
	if len(key) != secret.Size || bytes.Contains(sealed, key) || bytes.Equal(sealed, vault.Seal("webhooks/a", key)) {
		t.Error("a key is short, in clear, or sealed alike twice")
	}
	if got, err := vault.Open("webhooks/a", sealed); err != nil || !bytes.Equal(got, key) {
		t.Errorf("Open = %x, %v", got, err)
	}
	if _, err := vault.Open("webhooks/b", sealed); err == nil {
		t.Error("it opens for another webhook")
	}
	if _, err := other.Open("webhooks/a", sealed); err == nil {
		t.Error("it opens under another key")
	}
	if _, err := vault.Open("webhooks/a", sealed[:8]); err == nil {
		t.Error("a cut one opens")
	}
	if _, err := secret.NewVault(nil); err == nil {
		t.Error("a vault without a key")
	}
}
