package services_test

import (
	protobuf "google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
)

// hookRecords are a webhook of the home, which a portal of the home owns, and a
// delivery to it.
type hookRecords struct{ webhook, delivery string }

func noHooks() hookRecords {
	return hookRecords{webhook: "webhooks/none", delivery: "webhooks/none/deliveries/1"}
}

func (m *matrix) keepHooks(home string) (r hookRecords) {
	ctx, portal := m.suite.T.Context(), m.suite.Event(m.key(accessv1.Role_ROLE_PORTAL, home))
	r.webhook = done[*eventv1.IssuedWebhook](m)(portal.CreateWebhook(ctx, &eventv1.CreateWebhookRequest{Webhook: hooking(home)})).GetWebhook().GetName()
	r.delivery = done[*eventv1.Delivery](m)(portal.PingWebhook(ctx, &eventv1.PingWebhookRequest{Name: r.webhook})).GetName()
	return r
}

// hooking is a webhook at a port where nobody listens.
func hooking(unit string) *eventv1.Webhook {
	return &eventv1.Webhook{Unit: unit, Url: "http://127.0.0.1:9/", Types: []string{event.Ping}}
}

// orphaned: the owner of a merged unit's webhook is a machine of that unit, which
// holds no grant any more; the heir's portals are other machines.
var orphaned = []exception{{"the heir's portals do not own it", func(c caller, _ string) bool {
	return c.role == accessv1.Role_ROLE_PORTAL
}, hidden}}

// A webhook exists for its owner; the administrators over its unit look after it.
var (
	owned = []exception{{"a webhook exists for its owner", func(c caller, home string) bool { return !ownsHook(c, home) }, hidden}}
	kept  = []exception{{"a webhook exists for its owner and the administrators", func(c caller, home string) bool {
		return !ownsHook(c, home) && c.role != accessv1.Role_ROLE_SYSTEM_ADMIN
	}, hidden}}
)

func ownsHook(c caller, home string) bool {
	return c.role == accessv1.Role_ROLE_PORTAL && c.unit == home && c.from == home && c.reach == ""
}

func eventFixtures() map[string][]fixture {
	own := func(ask func(name string) protobuf.Message) []fixture {
		return []fixture{{except: owned, merged: orphaned, ask: func(r records) protobuf.Message { return ask(r.hooks.webhook) }}}
	}
	look := func(ask func(name string) protobuf.Message) []fixture {
		return []fixture{{except: kept, merged: orphaned, ask: func(r records) protobuf.Message { return ask(r.hooks.webhook) }}}
	}
	webhook := func(r records) string { return r.hooks.webhook }
	return map[string][]fixture{
		"ListEvents": {
			{note: "all", sifts: true, shows: func(r records) string { return r.unit }, ask: func(records) protobuf.Message {
				return &eventv1.ListEventsRequest{PageSize: 1000, Types: []string{"organization.unit.*"}}
			}},
			{note: "of a unit", ask: func(r records) protobuf.Message { return &eventv1.ListEventsRequest{Unit: r.unit} }},
		},
		"CreateWebhook": {asks(func(r records) protobuf.Message {
			return &eventv1.CreateWebhookRequest{Webhook: hooking(r.unit), ValidateOnly: true}
		})},
		"GetWebhook": look(func(name string) protobuf.Message { return &eventv1.GetWebhookRequest{Name: name} }),
		"ListWebhooks": {{sifts: true, except: kept, merged: orphaned, shows: webhook, ask: func(records) protobuf.Message {
			return &eventv1.ListWebhooksRequest{PageSize: 1000}
		}}},
		"UpdateWebhook": {{except: owned, merged: orphaned, ask: func(r records) protobuf.Message {
			return &eventv1.UpdateWebhookRequest{Webhook: &eventv1.Webhook{Name: r.hooks.webhook, Url: hooking(r.unit).GetUrl()}, ValidateOnly: true}
		}}},
		"DeleteWebhook": look(func(name string) protobuf.Message {
			return &eventv1.DeleteWebhookRequest{Name: name, ValidateOnly: true}
		}),
		"EnableWebhook": own(func(name string) protobuf.Message {
			return &eventv1.EnableWebhookRequest{Name: name, ValidateOnly: true}
		}),
		"DisableWebhook": look(func(name string) protobuf.Message {
			return &eventv1.DisableWebhookRequest{Name: name, ValidateOnly: true}
		}),
		"RotateWebhookSecret": own(func(name string) protobuf.Message {
			return &eventv1.RotateWebhookSecretRequest{Name: name, ValidateOnly: true}
		}),
		"PingWebhook": own(func(name string) protobuf.Message {
			return &eventv1.PingWebhookRequest{Name: name, ValidateOnly: true}
		}),
		"ReplayWebhook": own(func(name string) protobuf.Message {
			return &eventv1.ReplayWebhookRequest{Name: name, ValidateOnly: true}
		}),
		"ListDeliveries": look(func(name string) protobuf.Message { return &eventv1.ListDeliveriesRequest{Parent: name} }),
		"ReplayDelivery": {{except: owned, merged: orphaned, ask: func(r records) protobuf.Message {
			return &eventv1.ReplayDeliveryRequest{Name: r.hooks.delivery, ValidateOnly: true}
		}}},
		"ReplayDeliveries": own(func(name string) protobuf.Message {
			return &eventv1.ReplayDeliveriesRequest{Parent: name, ValidateOnly: true}
		}),
		"DiscardDeliveries": look(func(name string) protobuf.Message {
			return &eventv1.DiscardDeliveriesRequest{Parent: name, ValidateOnly: true}
		}),
		"SuspendWebhook": {{homes: nowhere, ask: func(r records) protobuf.Message {
			return &eventv1.SuspendWebhookRequest{Name: r.hooks.webhook, Cause: eventv1.Webhook_CAUSE_GONE, ValidateOnly: true}
		}}},
	}
}
