package campaign

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/shipped"
)

//go:embed templates/*.yaml
var templates embed.FS

// Template is what campaigns are made from (活动模板): a document of one file,
// which has no year yet.
type Template struct {
	// Name is campaignTemplates/{template}.
	Name string

	doc document
}

// Shipped reads the templates that ship with the suite, in the order of their
// names. It fails if one of them is not a coherent campaign.
func Shipped() ([]*Template, error) {
	return shipped.Read(templates, "templates/*.yaml", ParseTemplate)
}

// ParseTemplate reads one template. It fails on keys that it does not know,
// values that it cannot keep, and whatever Check refuses.
func ParseTemplate(text []byte) (*Template, error) {
	var doc document
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("reading a template: %w", err)
	}
	if err := d.Decode(new(document)); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading a template: more than one document")
	}
	if err := doc.check(); err != nil {
		return nil, fmt.Errorf("template %s: %w", doc.ID, err)
	}
	t := &Template{Name: "campaignTemplates/" + doc.ID, doc: doc}
	if err := Check(t.campaign(plain), nil); err != nil {
		return nil, fmt.Errorf("template %s: %w", doc.ID, err)
	}
	return t, nil
}

// plain is a year without a 29 February: a day of the year that exists in it
// exists in every year.
const plain = 2001

// The first and the last year that a template is applied to.
const firstYear, lastYear = 2000, 2100

// In returns the template as the campaign that it makes of a year.
func (t *Template) In(year int) (*campaignv1.CampaignTemplate, error) {
	if year < firstYear || year > lastYear {
		return nil, ErrYearInvalid.At("year", "须在 2000 至 2100 之间", "must lie between 2000 and 2100")
	}
	answer := &campaignv1.CampaignTemplate{
		Name: t.Name, Version: t.doc.Version, DisplayName: t.doc.DisplayName.Zh, EnglishName: t.doc.DisplayName.En,
		Source: t.doc.Source.Document, Note: t.doc.Source.Note, Campaign: t.campaign(year),
	}
	for _, d := range t.doc.Departments {
		answer.Departments = append(answer.Departments, &campaignv1.DepartmentRole{Function: d.Code, DisplayName: d.Name, Aliases: d.Aliases})
	}
	return answer, nil
}

// campaign is the template's campaign in a year, without an owner.
func (t *Template) campaign(year int) *campaignv1.Campaign {
	c := &campaignv1.Campaign{
		Template: t.Name, TemplateVersion: t.doc.Version, Year: int32(year),
		DisplayName: t.doc.DisplayName.Zh, Objective: t.doc.Objective,
		Filing: &campaignv1.Filing{DueDate: t.doc.Filing.Due.in(year), Rolls: t.doc.Filing.Rolls},
	}
	t.doc.setting(c, year)
	t.doc.work(c, year)
	return c
}

// called is what people call the departments with a function: by the template, if there
// is one that knows it.
func (t *Template) called(function string) string {
	if t != nil {
		for _, d := range t.doc.Departments {
			if d.Code == function {
				return strings.Join(append([]string{d.Name}, d.Aliases...), "、")
			}
		}
	}
	return "职能标签为 " + function
}

// day is a day of any year, as MM-DD.
type day string

func (d day) in(year int) string {
	if d == "" {
		return ""
	}
	return fmt.Sprintf("%04d-%s", year, string(d))
}

func (d day) check() error {
	if _, err := time.Parse(time.DateOnly, d.in(plain)); err != nil {
		return fmt.Errorf("%q is not a day MM-DD of every year", string(d))
	}
	return nil
}
