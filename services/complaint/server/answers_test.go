package server_test

import (
	"strings"
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// TestTheDocumentSaysWhatOfficersAreAnswered: of a sealed case too, of which what is
// said and whom it concerns are withheld from the list.
func TestTheDocumentSaysWhatOfficersAreAnswered(t *testing.T) {
	p := newPlace(t)
	p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_HELP))
	secret, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_REPORT))
	document := p.Document()
	const schemas = "#/components/schemas/duban.complaint.v1."
	sealed := 0
	for _, officer := range []string{p.officer.Key, p.cityOfficer.Key} {
		var answer map[string]any
		p.Fetch("/v1/complaints", officer, &answer)
		for _, why := range document.Wrong(schemas+"ListComplaintsResponse", answer) {
			t.Error(why)
		}
		cases, _ := answer["complaints"].([]any)
		for _, one := range cases {
			if c := one.(map[string]any); c["name"] == secret.GetName() && c["sealed"] == true && c["text"] == "" && c["unit"] == "" {
				sealed++
			}
		}
	}
	if sealed == 0 {
		t.Error("no officer has seen the sealed case")
	}
	if broken := document.Wrong(schemas+"Complaint", map[string]any{"unit": "nowhere", "text": strings.Repeat("长", 4001)}); len(broken) != 2 {
		t.Errorf("what is no unit and too long breaks %q", broken)
	}
}
