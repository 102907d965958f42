package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// refusedReport is the answer to a report of so many empty rows, sent over REST.
func (s *scene) refusedReport(key string, rows int) (int, string) {
	s.T.Helper()
	body := `{"rows":[{}` + strings.Repeat(",{}", rows-1) + `]}`
	req, err := http.NewRequestWithContext(s.T.Context(), http.MethodPost, s.HTTP+"/v1/reports", strings.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// Who may not report is told so in the same words, whether the gateway says it, before it
// decodes what is long, or the service; and who has just been granted the role may.
func TestWhoMayNotReportIsToldSoInTheSameWords(t *testing.T) {
	s := newScene(t)
	scoped, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: s.machine.Name, Scopes: []string{"aggregation:read", "complaint:write"}},
	})
	if err != nil {
		s.T.Fatal(err)
	}
	portal := s.Machine(s.Root, accessv1.Role_ROLE_PORTAL)
	for reason, key := range map[string]string{"PERMISSION_DENIED": portal.Key, "KEY_SCOPE_DENIED": scoped.GetSecret()} {
		code, said := s.refusedReport(key, 1)
		long, also := s.refusedReport(key, 100_000)
		if code != http.StatusForbidden || !strings.Contains(said, reason) || long != code || also != said {
			t.Errorf("%s: of one row %d %s, of many %d %s", reason, code, said, long, also)
		}
	}
	for range 5 {
		who := s.Machine(s.Root, accessv1.Role_ROLE_PORTAL)
		s.Grant(who.Name, s.Root, accessv1.Role_ROLE_REPORTER)
		if code, said := s.refusedReport(who.Key, 10_001); code != http.StatusBadRequest {
			t.Fatalf("who was just granted the role: %d %s", code, said)
		}
	}
}
