// Package proto is the root of the contract's module; the generated code lies
// beneath gen/go. Its tests hold the contract to the rules that the linter does
// not know: AIP, access rules, reasons.
package proto
