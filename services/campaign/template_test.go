package campaign_test

import (
	"os"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
)

// workStyle is the template of the county's work-style campaign.
func workStyle() *campaign.Template {
	all, err := campaign.Shipped()
	if err != nil {
		panic(err)
	}
	return all[0]
}

func TestEveryShippedTemplateKeepsToTheContract(t *testing.T) {
	all, err := campaign.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, template := range all {
		for _, year := range []int{2000, 2024, 2026, 2100} {
			made, err := template.In(year)
			if err != nil {
				t.Fatal(err)
			}
			if err := protovalidate.Validate(made.GetCampaign()); err != nil {
				t.Errorf("%s in %d: %v", template.Name, year, err)
			}
		}
	}
}

// What the document behind the template has: see the table in the domain text.
func TestTheWorkStyleCampaignIsWhole(t *testing.T) {
	made, err := workStyle().In(2026)
	if err != nil {
		t.Fatal(err)
	}
	c := made.GetCampaign()
	if made.GetName() != "campaignTemplates/work-style" || len(c.GetPhases()) != 4 || len(c.GetActions()) != 5 || len(c.GetCategories()) != 8 {
		t.Errorf("%s has %d phases, %d actions, %d categories", made.GetName(), len(c.GetPhases()), len(c.GetActions()), len(c.GetCategories()))
	}
	chars := ""
	for _, k := range c.GetCategories() {
		if chars += k.GetName(); len(k.GetItems()) != 3 {
			t.Errorf("%s has %d items", k.GetCode(), len(k.GetItems()))
		}
	}
	if chars != "弱松庸慢散懒推奢" || c.GetFiling().GetDueDate() != "2026-04-05" || c.GetFiling().GetRolls() {
		t.Errorf("categories %s, filing %v", chars, c.GetFiling())
	}
	var omitted []string
	for _, o := range c.GetOmittedTasks() {
		omitted = append(omitted, o.GetCode()+" "+o.GetCause().String())
	}
	if diff := cmp.Diff([]string{"T371 CAUSE_DUTY", "T372 CAUSE_DUTY"}, omitted); diff != "" {
		t.Errorf("omitted (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile("templates/work-style.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if in := strings.Count(string(text), "\n  - code: T"); in != len(c.GetTasks())+len(omitted) {
		t.Errorf("the file has %d tasks, the campaign %d and %d omitted", in, len(c.GetTasks()), len(omitted))
	}
}

func TestWeightsOfATemplateAreHundred(t *testing.T) {
	made, err := workStyle().In(2026)
	if err != nil {
		t.Fatal(err)
	}
	sum := int32(3 + 2) // T371 and T372, which are left out
	for _, task := range made.GetCampaign().GetTasks() {
		sum += task.GetWeight()
	}
	if sum != 100 {
		t.Errorf("the weights are %d together", sum)
	}
}

func TestQuotasCount(t *testing.T) {
	made, err := workStyle().In(2026)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int32{}
	for _, task := range made.GetCampaign().GetTasks() {
		if task.GetKind() == campaignv1.Task_KIND_QUOTA {
			got[task.GetCode()] = task.GetCount()
		}
	}
	if diff := cmp.Diff(map[string]int32{"T102": 2, "T331": 2, "T351": 1}, got); diff != "" {
		t.Errorf("quotas (-want +got):\n%s", diff)
	}
}

func TestABrokenTemplateIsRefused(t *testing.T) {
	text, err := os.ReadFile("templates/work-style.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"another key":          {"objective: >-", "goal: >-"},
		"a day that is none":   {`due: "03-01"`, `due: "02-29"`},
		"no day":               {`due: "04-05"`, `due: ""`},
		"an unknown kind":      {"kind: ONE_OFF", "kind: TARGET"},
		"an unknown phase":     {"phase: SELF_CHECK", "phase: LATER"},
		"an unknown evidence":  {"evidence: [questionnaire]", "evidence: [poll]"},
		"an unknown media":     {"media: [IMAGE]", "media: [VIDEO]"},
		"an unknown part":      {"lead: personnel", "lead: sports"},
		"an unknown unit kind": {"kinds: [DEPARTMENT]", "kinds: [CLUB]"},
		"a quota per person":   {"per: UNIT", "per: PERSON"},
		"a quota without one":  {"kind: QUOTA", "kind: ONE_OFF"},
		"a duty without one":   {"kind: DUTY", "kind: ONE_OFF"},
		"another signer":       {"signed_by: HEAD", "signed_by: LEADER"},
		"two documents":        {"# 阶段", "---\n# 阶段"},
	} {
		broken := strings.Replace(string(text), change[0], change[1], 1)
		if broken == string(text) {
			t.Errorf("%s: the file has no %q", name, change[0])
		}
		if _, err := campaign.ParseTemplate([]byte(broken)); err == nil {
			t.Errorf("%s: the template was read", name)
		}
	}
}
