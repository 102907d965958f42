package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The options of the contract, as protojson names them.
const (
	httpOption     = "[google.api.http]"
	accessOption   = "[duban.access.v1.rule]"
	validateOption = "[buf.validate.field]"
	ruleOption     = "[buf.validate.predefined]"
	sealedOption   = "[duban.feed.v1.sealed]"
	withheldOption = "[duban.feed.v1.withheld]"
)

// contract is the API as its protos say it. Options are read as JSON, so that
// none of their generated code need be linked in.
type contract struct {
	files *protoregistry.Files
	types *dynamicpb.Types
	calls map[string]protoreflect.MethodDescriptor // by operationId, those with a route
}

func load(image string) (*contract, error) {
	text, err := os.ReadFile(image)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(text, set); err != nil {
		return nil, fmt.Errorf("reading %s: %w", image, err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("linking %s: %w", image, err)
	}
	c := &contract{files: files, types: dynamicpb.NewTypes(files), calls: map[string]protoreflect.MethodDescriptor{}}
	return c, c.collect()
}

// collect finds the calls that have a route.
func (c *contract) collect() (err error) {
	c.files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			if err = c.collectService(file.Services().Get(i)); err != nil {
				return false
			}
		}
		return true
	})
	return err
}

func (c *contract) collectService(service protoreflect.ServiceDescriptor) error {
	for i := range service.Methods().Len() {
		call := service.Methods().Get(i)
		options, err := c.options(call)
		if err != nil {
			return err
		}
		if _, ok := options[httpOption]; !ok {
			continue
		}
		id := string(service.Name()) + "_" + string(call.Name())
		if other, ok := c.calls[id]; ok {
			return fmt.Errorf("%s and %s have the same operationId", other.FullName(), call.FullName())
		}
		c.calls[id] = call
	}
	return nil
}

// options returns the options of a descriptor, extensions included, as JSON.
func (c *contract) options(d protoreflect.Descriptor) (object, error) {
	text, err := proto.Marshal(d.Options())
	if err != nil {
		return nil, fmt.Errorf("options of %s: %w", d.FullName(), err)
	}
	if len(text) == 0 {
		return object{}, nil
	}
	kind, err := c.types.FindMessageByName(d.Options().ProtoReflect().Descriptor().FullName())
	if err != nil {
		return nil, fmt.Errorf("options of %s: %w", d.FullName(), err)
	}
	m := kind.New().Interface()
	if err := (proto.UnmarshalOptions{Resolver: c.types}).Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("options of %s: %w", d.FullName(), err)
	}
	if text, err = (protojson.MarshalOptions{Resolver: c.types}).Marshal(m); err != nil {
		return nil, fmt.Errorf("options of %s: %w", d.FullName(), err)
	}
	var o object
	return o, json.Unmarshal(text, &o)
}

// comment returns what the contract says of a descriptor.
func comment(d protoreflect.Descriptor) string {
	return oneLine(d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments)
}

// message finds the message of a schema, whose name has underscores between
// nested messages; nil for schemas of no message.
func (c *contract) message(schema string) protoreflect.MessageDescriptor {
	for name := schema; ; {
		d, err := c.files.FindDescriptorByName(protoreflect.FullName(name))
		if m, ok := d.(protoreflect.MessageDescriptor); ok && err == nil {
			return m
		}
		i := strings.LastIndexByte(name, '_')
		if i < 0 {
			return nil
		}
		name = name[:i] + "." + name[i+1:]
	}
}
