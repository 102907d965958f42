package problem

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// RequestID is the header that names the answer; problem+json repeats it.
const RequestID = "X-Request-Id"

// Write answers a request with why it was refused. Input is the request message
// of the call, by which fields get their JSON names; nil if there is none.
func Write(w http.ResponseWriter, r *http.Request, input protoreflect.MessageDescriptor, err error) {
	l := Preferred(r.Header.Get("Accept-Language"))
	st, code := told(l, err)
	said := read(st, input)
	if code == 0 {
		code = httpOf(codes.Code(st.GetCode()), said.reason)
	}
	if said.reason == "ETAG_STALE" && r.Header.Get("If-Match") != "" {
		code = http.StatusPreconditionFailed
	}
	h := w.Header()
	switch code {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", said.challenge())
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(max(said.retry, 1)))
		said.tellLoad(h)
	}
	contentType, body := "application/json", said.json
	if wantsProblem(r.Header.Values("Accept")) {
		contentType, body = "application/problem+json", func() ([]byte, error) { return said.problem(code, h.Get(RequestID)) }
	}
	text, err := body()
	if err != nil { // a detail of a type that is not linked in
		code, text = http.StatusInternalServerError, []byte(`{"code":13,"message":"internal error"}`)
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Language", string(l))
	w.WriteHeader(code)
	_, _ = w.Write(text) // a client that has gone needs no answer
}

// told returns what is to be said of err, and the HTTP code if err has one.
func told(l Language, err error) (*spb.Status, int) {
	var own *Problem
	if errors.As(err, &own) {
		return own.status(l), own.HTTP
	}
	st := status.Convert(err).Proto()
	for _, d := range st.GetDetails() {
		if d.MessageIs((*errdetails.ErrorInfo)(nil)) {
			return st, 0
		}
	}
	return unexplained(codes.Code(st.GetCode()), l), 0
}

// saying is a status taken apart.
type saying struct {
	status *spb.Status
	reason string
	detail string
	fields []violation
	retry  int    // seconds after which the caller may repeat; 0: not said
	limit  string // how much there may be, if the refusal says so
}

// tellLoad has a refusal by load say the same as one by rate, which has it from the
// service: how many calls may run at once, and when there will be room
// (draft-ietf-httpapi-ratelimit-headers-10). It is told here, as over TCP whoever is
// refused has no stream, and so no metadata.
func (s *saying) tellLoad(h http.Header) {
	if s.reason != "SERVER_OVERLOADED" {
		return
	}
	if _, err := strconv.ParseUint(s.limit, 10, 31); err == nil {
		h.Set("RateLimit-Policy", `"load";q=`+s.limit+`;qu="concurrent-requests"`)
	}
	h.Set("RateLimit", `"load";r=0;t=`+h.Get("Retry-After"))
}

// challenge says how to authenticate: by whatever holds or, where it was not
// enough, anew and with more (RFC 9470).
func (s *saying) challenge() string {
	if s.reason == "SECOND_FACTOR_REQUIRED" {
		return `Bearer error="insufficient_user_authentication"`
	}
	return "Bearer"
}

type violation struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
	Reason string `json:"reason,omitempty"`
}

// read takes a status apart and gives its fields their JSON names.
func read(st *spb.Status, input protoreflect.MessageDescriptor) *saying {
	s := &saying{status: st, detail: st.GetMessage()}
	for i, packed := range st.GetDetails() {
		detail, err := packed.UnmarshalNew()
		if err != nil {
			continue
		}
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			s.reason, s.limit = d.GetReason(), d.GetMetadata()["limit"]
		case *errdetails.LocalizedMessage:
			s.detail = d.GetMessage()
		case *errdetails.RetryInfo:
			s.retry = int(math.Ceil(d.GetRetryDelay().AsDuration().Seconds()))
		case *errdetails.BadRequest:
			s.violations(d, input)
			st.Details[i] = pack(d)
		}
	}
	return s
}

func (s *saying) violations(bad *errdetails.BadRequest, input protoreflect.MessageDescriptor) {
	for _, v := range bad.GetFieldViolations() {
		v.Field = JSONPath(input, v.GetField())
		text := v.GetLocalizedMessage().GetMessage()
		if text == "" {
			text = v.GetDescription()
		}
		s.fields = append(s.fields, violation{v.GetField(), text, v.GetReason()})
	}
}

func (s *saying) json() ([]byte, error) { return protojson.Marshal(s.status) }

// problem is the answer by RFC 9457.
func (s *saying) problem(code int, id string) ([]byte, error) {
	title := http.StatusText(code)
	if title == "" {
		title = codes.Code(s.status.GetCode()).String()
	}
	return json.Marshal(struct {
		Type      string      `json:"type"`
		Title     string      `json:"title"`
		Status    int         `json:"status"`
		Detail    string      `json:"detail"`
		Reason    string      `json:"reason"`
		Errors    []violation `json:"errors,omitempty"`
		RequestID string      `json:"requestId,omitempty"`
	}{"/docs/errors#" + s.reason, title, code, s.detail, s.reason, s.fields, id})
}

// JSONPath gives the names in a field's path as REST clients write them:
// "unit.display_name" is "unit.displayName". A path may begin with the record that
// the call only names, as "campaign.tasks" of a publication. What is no field stays.
func JSONPath(message protoreflect.MessageDescriptor, path string) string {
	names := strings.Split(path, ".")
	for i, name := range names {
		if message == nil {
			break
		}
		name, index, _ := strings.Cut(name, "[")
		f := message.Fields().ByTextName(name)
		if f == nil && i == 0 {
			message = record(message, name)
			continue
		}
		if f == nil {
			break
		}
		names[i] = f.JSONName()
		if index != "" {
			names[i] += "[" + index
		}
		if message = f.Message(); f.IsMap() {
			message = f.MapValue().Message()
		}
	}
	return strings.Join(names, ".")
}

// record is the message of that name beside the request, or nil.
func record(request protoreflect.MessageDescriptor, name string) protoreflect.MessageDescriptor {
	beside := request.ParentFile().Messages()
	for i := range beside.Len() {
		if m := beside.Get(i); strings.EqualFold(string(m.Name()), strings.ReplaceAll(name, "_", "")) {
			return m
		}
	}
	return nil
}
