// Package feed keeps a service's log: every change of a record is one entry of
// a Merkle tree (RFC 6962), appended in the transaction that changes the
// record. The log is the service's history, the outbox that others follow, and
// the evidence that an auditor checks.
//
// A Log writes and reads within transactions that are given to it, and wakes
// those who wait for more. Follow reads another service's log through a
// connection. NewMirror keeps a copy of another installation's log. What may not
// be public stands behind commitments: the contract
// marks such fields, and the log parts them from the entry.
//
// It does not store the record itself or decide about a change (package change
// does), does not answer calls (feed/server does), does not check more than the
// end of a log that may have been tampered with (feed/fsck does), and does not push to an upper
// installation or decide what of a lower one's is believed (federation does).
package feed
