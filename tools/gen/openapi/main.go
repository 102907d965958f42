// Command openapi makes of protoc-gen-openapi's output the document that the
// gateway serves: it adds what the contract says and that plugin does not show —
// limits from protovalidate's rules, who may call, the headers and errors of each
// call — and what every reader needs to know (base.yaml).
//
// The contract comes as an image (buf build -o), so that a new service needs no
// change here. Whatever does not fit together is an error.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"

	"go.yaml.in/yaml/v3"
)

//go:embed base.yaml
var base []byte

func main() {
	in := flag.String("in", "", "what protoc-gen-openapi wrote (YAML)")
	image := flag.String("image", "", "the contract with comments, as buf build -o writes it")
	out := flag.String("out", "", "the file to write (JSON)")
	flag.Parse()
	if err := run(*in, *image, *out); err != nil {
		log.Fatalf("openapi: %v", err)
	}
}

func run(in, image, out string) error {
	if in == "" || image == "" || out == "" {
		return errors.New("-in, -image and -out are required")
	}
	c, err := load(image)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	document, err := enrich(c, text)
	if err != nil {
		return err
	}
	return write(out, document)
}

// enrich makes the document of the contract from the plugin's.
func enrich(c *contract, text []byte) (object, error) {
	var document, common object
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("reading the plugin's document: %w", err)
	}
	if err := yaml.Unmarshal(base, &common); err != nil {
		return nil, fmt.Errorf("reading base.yaml: %w", err)
	}
	merge(document, common)
	refusals(document)
	if err := c.operations(document); err != nil {
		return nil, err
	}
	c.schemas(document)
	c.enums(document)
	tidy(document)
	return document, nil
}

func write(out string, document object) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		return fmt.Errorf("writing %s: %w", out, err)
	}
	return os.WriteFile(out, text.Bytes(), 0o644)
}
