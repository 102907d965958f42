package server

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// readings are what the contract lets a service read of feeds in its own name: what
// it is named for, and what all are.
func readings(service string) (all []*feedv1.Reader) {
	options := feedv1.File_duban_feed_v1_feed_proto.Services().ByName("FeedService").Options()
	readers, _ := proto.GetExtension(options, feedv1.E_Reader).([]*feedv1.Reader)
	for _, r := range readers {
		if r.GetService() == service || r.GetService() == "*" {
			all = append(all, r)
		}
	}
	return all
}

// Followed are the services whose feeds a service follows by itself: those that the
// contract names beside it, in their order.
func Followed(service string) (feeds []string) {
	for _, r := range readings(service) {
		if r.GetService() == service {
			feeds = append(feeds, r.GetFeeds()...)
		}
	}
	return feeds
}

// follows says whether a service may read a feed in its own name, such as
// "rectification" or the mirror "510104.rectification".
func follows(service, feed string) bool {
	_, below, mirrored := strings.Cut(feed, ".")
	return slices.ContainsFunc(readings(service), func(r *feedv1.Reader) bool {
		named, feed := r.GetFeeds(), feed
		if mirrored {
			named, feed = r.GetBelow(), below
		}
		return slices.Contains(named, feed) || slices.Contains(named, "*")
	})
}

// opens says whether a service may read what opens commitments.
func opens(service string) bool {
	return slices.ContainsFunc(readings(service), (*feedv1.Reader).GetOpenings)
}
