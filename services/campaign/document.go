package campaign

import (
	"errors"
	"fmt"
	"slices"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// document is a template as its file has it.
type document struct {
	ID          string `yaml:"id"`
	Version     string `yaml:"version"`
	DisplayName struct {
		Zh string `yaml:"zh"`
		En string `yaml:"en"`
	} `yaml:"display_name"`
	Source struct {
		Document string `yaml:"document"`
		Note     string `yaml:"note"`
	} `yaml:"source"`
	Objective     string       `yaml:"objective"`
	Phases        []phase      `yaml:"phases"`
	Taxonomy      []category   `yaml:"taxonomy"`
	Departments   []department `yaml:"departments"`
	Actions       []action     `yaml:"actions"`
	Commitments   []commitment `yaml:"commitments"` // read, and not kept yet
	EvidenceKinds []evidence   `yaml:"evidence_kinds"`
	Filing        filing       `yaml:"filing"`
	Tasks         []task       `yaml:"tasks"`
}

type phase struct {
	Code string `yaml:"code"`
	Name string `yaml:"name"`
	From day    `yaml:"from"`
	To   day    `yaml:"to"`
	Goal string `yaml:"goal"`
}

type line struct {
	Code string `yaml:"code"`
	Text string `yaml:"text"`
}

type category struct {
	Code  string `yaml:"code"`
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	Items []line `yaml:"items"`
}

type department struct {
	Code    string   `yaml:"code"`
	Name    string   `yaml:"name"`
	Aliases []string `yaml:"aliases"`
}

type action struct {
	Code          string   `yaml:"code"`
	Name          string   `yaml:"name"`
	Goal          string   `yaml:"goal"`
	Lead          string   `yaml:"lead"`
	Cooperating   []string `yaml:"cooperating"`
	ItemsRequired int32    `yaml:"items_required"`
}

type commitment struct {
	Code  string `yaml:"code"`
	Name  string `yaml:"name"`
	Lines []line `yaml:"lines"`
}

type evidence struct {
	Code  string   `yaml:"code"`
	Name  string   `yaml:"name"`
	Media []string `yaml:"media"`
}

type filing struct {
	Due       day    `yaml:"due"`
	Rolls     bool   `yaml:"rolls"`
	SignedBy  string `yaml:"signed_by"`
	FiledWith string `yaml:"filed_with"`
}

type task struct {
	Code       string `yaml:"code"`
	Phase      string `yaml:"phase"`
	Action     string `yaml:"action"`
	Title      string `yaml:"title"`
	Kind       string `yaml:"kind"`
	Due        day    `yaml:"due"`
	Quota      *quota `yaml:"quota"`
	Recurrence *struct {
		Rule         string `yaml:"rule"`
		From         day    `yaml:"from"`
		Until        day    `yaml:"until"`
		SkipHolidays bool   `yaml:"skip_holidays"`
	} `yaml:"recurrence"`
	Lead        string   `yaml:"lead"`
	Cooperating []string `yaml:"cooperating"`
	AppliesTo   struct {
		Kinds  []string          `yaml:"kinds"`
		Labels map[string]string `yaml:"labels"`
	} `yaml:"applies_to"`
	Evidence  []string `yaml:"evidence"`
	NilReturn bool     `yaml:"nil_return"`
	Weight    int32    `yaml:"weight"`
	Scheme    string   `yaml:"scheme"`
}

type quota struct {
	Count int32  `yaml:"count"`
	Per   string `yaml:"per"`
}

// The kinds of tasks in templates.
const (
	oneOff   = "ONE_OFF"
	perQuota = "QUOTA"
	duty     = "DUTY"
)

// check finds what decoding cannot: values that have a meaning of their own, and
// references to departments, which the campaign does not keep.
func (d *document) check() error {
	days := []day{d.Filing.Due}
	parts := []string{}
	var wrong []error
	for _, p := range d.Phases {
		days = append(days, p.From, p.To)
	}
	for _, a := range d.Actions {
		parts = append(append(parts, a.Lead), a.Cooperating...)
	}
	for i := range d.Tasks {
		t := &d.Tasks[i]
		days, parts = append(days, t.Due), append(append(parts, t.Lead), t.Cooperating...)
		wrong = append(wrong, t.check())
	}
	for _, on := range days {
		wrong = append(wrong, on.check())
	}
	if d.ID == "" || d.Version == "" || d.Filing.SignedBy != "HEAD" || d.Filing.FiledWith != "SUPERIOR" {
		wrong = append(wrong, errors.New("needs id and version, and is signed by HEAD and filed with SUPERIOR"))
	}
	return errors.Join(append(wrong, d.checkParts(parts), d.checkMedia())...)
}

func (d *document) checkParts(parts []string) error {
	for _, part := range parts {
		known := func(known department) bool { return known.Code == part }
		if part != "" && !slices.ContainsFunc(d.Departments, known) {
			return fmt.Errorf("department %q is not listed", part)
		}
	}
	return nil
}

func (d *document) checkMedia() error {
	for _, k := range d.EvidenceKinds {
		for _, name := range k.Media {
			if campaignv1.EvidenceKind_Media_value["MEDIA_"+name] == 0 {
				return fmt.Errorf("evidence %s: no media %q", k.Code, name)
			}
		}
	}
	return nil
}

func (t *task) check() error {
	for _, name := range t.AppliesTo.Kinds {
		if organizationv1.Unit_Kind_value["KIND_"+name] == 0 {
			return fmt.Errorf("task %s: no kind of unit %q", t.Code, name)
		}
	}
	switch {
	case t.Kind != oneOff && t.Kind != perQuota && t.Kind != duty:
		return fmt.Errorf("task %s: no kind %q", t.Code, t.Kind)
	case (t.Kind == perQuota) != (t.Quota != nil), (t.Kind == duty) != (t.Recurrence != nil):
		return fmt.Errorf("task %s: quota and recurrence go with their kinds alone", t.Code)
	case t.Quota != nil && t.Quota.Per != "UNIT":
		return fmt.Errorf("task %s: a quota per %q", t.Code, t.Quota.Per)
	}
	return nil
}
