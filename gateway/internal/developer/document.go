package developer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// document is what the pages read of the OpenAPI document.
type document struct {
	Paths      map[string]map[string]*operation
	Components struct{ Schemas map[string]*schema }
	Tags       []struct{ Name, Description string }
	Enums      map[string]Enum `json:"x-duban-enums"`

	at string // the call whose example is being made, such as "UploadReport"
}

type operation struct {
	OperationID string
	Summary     string
	Description string
	Name        string   `json:"x-duban-name"`
	Public      bool     `json:"x-duban-public"`
	Bootstrap   bool     `json:"x-duban-bootstrap"`
	Roles       []string `json:"x-duban-roles"`
	Scope       string   `json:"x-duban-scope"`
	KeyScope    string   `json:"x-duban-key-scope"`
	Event       string   `json:"x-duban-event"`
	Tags        []string
	Parameters  []parameter
	RequestBody struct {
		Content map[string]struct{ Schema *schema }
	}
}

type parameter struct {
	Name, In, Description string
	Required              bool
	Schema                *schema
}

type schema struct {
	Ref         string `json:"$ref"`
	AllOf       []*schema
	Type        string
	Format      string
	Pattern     pattern
	Description string
	Enum        []string
	Properties  map[string]*schema
	Items       *schema
	Required    []string
	MinLength   int
	Shortest    int `json:"x-duban-minLength"` // in a request, where answers may withhold it
	MinItems    int
	Fewest      int `json:"x-duban-minItems"` // the same of lists
	Minimum     float64
	Least       json.Number `json:"x-duban-minimum"` // of 64-bit integers
	OneOf       string      `json:"x-duban-oneof"`   // of fields that exclude each other
	ReadOnly    bool
}

// Enum is a table of codes.
type Enum struct {
	Description string
	Values      []struct{ Name, Description string }
}

// Service is a part of the API.
type Service struct {
	Name        string // such as AggregationService
	Zh          string
	Description string
	Calls       []Call
}

// Call is one operation, with an example.
type Call struct {
	*operation
	Method, Path string
	Curl         string
	Fields       []Field
}

// Field is what a call can be given: in its path, its query or its body.
type Field struct {
	In, Name, Type, Description string
	Needed                      bool
}

// names are what the services are called in Chinese.
var names = map[string]string{
	"OrganizationService": "组织机构", "CampaignService": "活动与任务", "RectificationService": "整改台账",
	"EvaluationService": "评议", "ComplaintService": "投诉", "AggregationService": "汇总与报表",
	"EventService": "变更事件与推送", "FederationService": "上下级系统", "FeedService": "日志与证明", "ClockService": "时间",
}

// services are all calls, by service and path.
func (d *document) services() ([]Service, error) {
	var all []Service
	for _, tag := range d.Tags {
		s := Service{Name: tag.Name, Zh: names[tag.Name], Description: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
			for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
				o := d.Paths[path][method]
				if !slices.Contains(o.Tags, tag.Name) {
					continue
				}
				call, err := d.call(strings.ToUpper(method), path, o)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", o.OperationID, err)
				}
				s.Calls = append(s.Calls, call)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// resolve follows references, which may stand beside a description of their own.
func (d *document) resolve(s *schema) *schema {
	for s != nil {
		switch {
		case s.Ref != "":
			s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		case len(s.AllOf) == 1:
			s = s.AllOf[0]
		default:
			return s
		}
	}
	return &schema{}
}

// body is the schema of what the operation takes, or nil.
func (o *operation) body() *schema { return o.RequestBody.Content["application/json"].Schema }
