package suite

import (
	"github.com/duban-project/duban/gateway"
	aggregationrules "github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	campaignrules "github.com/duban-project/duban/services/campaign"
	eventrules "github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/calendar"
)

// reference is what the pages for developers tell of the data that the program
// ships with; templates are as of this year.
func (s *Suite) reference() (gateway.Reference, error) {
	r := gateway.Reference{Metrics: aggregationrules.Metrics(), Forms: reports.Forms()}
	for _, t := range eventrules.Types() {
		r.Events = append(r.Events, gateway.Event{Type: t.Name, Resource: t.Resource, By: t.By, Zh: t.Zh, En: t.En})
	}
	templates, err := campaignrules.Shipped()
	if err != nil {
		return r, err
	}
	for _, t := range templates {
		made, err := t.In(calendar.On(s.Clock.Now()).Year())
		if err != nil {
			return r, err
		}
		r.Templates = append(r.Templates, made)
	}
	return r, nil
}
