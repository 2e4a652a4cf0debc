package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/todochat/todochat/hack/ollamaserver"
	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/interpreter"
)

// sentences are what is interpreted, each as often as the others.
var sentences = []string{
	"add buy oat milk", "please put renew the passport on my list for friday, it's urgent", "add bread, cheese and olives",
	"mark 3 done", "i've finally paid the rent", "delete the yoga one", "throw out everything that's finished",
	"move the dentist to next tuesday", "make 4 and 6 urgent", "call number 8 'ring the plumber' and tag it home",
	"what's due this week?", "which should i start with", "undo", "good morning", "remind me to stretch every hour",
	"add milk, finish 2 and show me tomorrow",
}

// measureInterpreting measures how many messages one core reads by the rules,
// and how long the intent model takes for one in a real Ollama, when there is
// one on this machine.
func measureInterpreting(ctx context.Context, b *bench) ([]figure, error) {
	rules := figure{What: "messages read by the rules, one core", Unit: perSecond, Target: target{atLeast, 2000}}
	for range b.rounds {
		if err := b.settle(ctx); err != nil {
			return nil, err
		}
		rules.Rounds = append(rules.Rounds, readByRules(b.round))
	}
	model, err := measureModel(ctx, b)
	if err != nil {
		return nil, err
	}
	return append([]figure{rules}, model...), nil
}

func readByRules(long time.Duration) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, read := time.Now(), 0
	for time.Since(began) < long {
		for _, s := range sentences {
			intent.Rules(s)
		}
		read += len(sentences)
	}
	return float64(read) / time.Since(began).Seconds()
}

func measureModel(ctx context.Context, b *bench) (_ []figure, err error) {
	program, err := ollamaserver.Find()
	if err != nil {
		b.say("not measured: the intent model: %v", err)
		return nil, nil
	}
	dir, err := os.MkdirTemp(b.dir, "ollama-")
	if err != nil {
		return nil, err
	}
	server, err := ollamaserver.Start(ctx, ollamaserver.Options{Program: program, Dir: dir})
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	i, err := interpreter.New(interpreter.Config{Name: "auto", Host: server.Host, AtOnce: 1})
	if err != nil {
		return nil, err
	}
	if err := i.Prepare(ctx); err != nil {
		return nil, err
	}
	f := figure{What: "a message read by the intent model, p95", Unit: millis, Target: target{atMost, 100}}
	var all []float64
	for range b.rounds {
		if err := b.settle(ctx); err != nil {
			return nil, err
		}
		var latencies []float64
		for began := time.Now(); time.Since(began) < b.round; {
			for _, s := range sentences {
				asked := time.Now()
				if reading := i.Interpret(ctx, s); reading.Notice != "" {
					return nil, errors.New(reading.Notice)
				}
				latencies = append(latencies, milliseconds(time.Since(asked)))
			}
		}
		f.Rounds = append(f.Rounds, percentile(latencies, 95))
		all = append(all, latencies...)
	}
	f.Detail = fmt.Sprintf("p50 %.0f ms", percentile(all, 50))
	return []figure{f}, nil
}
