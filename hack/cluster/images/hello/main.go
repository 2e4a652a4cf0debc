// Command hello is the least that Knative can serve: what a cold start costs
// when the program costs nothing.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	begin := time.Now()
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Fatal(http.ListenAndServe(":"+port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from %s, up %s\n", os.Getenv("K_REVISION"), time.Since(begin).Round(time.Millisecond))
	})))
}
