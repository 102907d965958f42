// Package event holds the rules of events (变更事件) and of webhooks (事件推送):
// whose an entry of a feed is and who may read it, what becomes of a webhook,
// what is sent to it, and when a delivery that failed is tried again. Every
// function is pure. Where events are kept, how they are read and sent is the
// business of the server beside it; which addresses may be called is decided by
// package target, what signs is kept by package secret.
package event

import (
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// The reasons for which a rule refuses.
var (
	ErrCursor      = fault.Of(eventv1.Reason_REASON_EVENT_CURSOR_INVALID)
	ErrType        = fault.Of(eventv1.Reason_REASON_EVENT_TYPE_UNKNOWN)
	ErrURL         = fault.Of(eventv1.Reason_REASON_WEBHOOK_URL_NOT_ALLOWED)
	ErrIllegalMove = fault.Of(eventv1.Reason_REASON_WEBHOOK_ILLEGAL_MOVE)
	ErrTooMany     = fault.Of(eventv1.Reason_REASON_WEBHOOK_TOO_MANY)
	ErrFull        = fault.Of(eventv1.Reason_REASON_WEBHOOK_FULL)
	ErrSecrets     = fault.Of(eventv1.Reason_REASON_WEBHOOK_SECRETS_TOO_MANY)
)
