package embedded_test

import (
	"context"
	"fmt"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

func Example() {
	server, err := embedded.Solo(embedded.Options{}) // in memory
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	store, err := kv.Open(server, "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	ctx := context.Background()
	bucket, err := store.Bucket(ctx, kv.Config{Name: "carts"})
	if err != nil {
		fmt.Println(err)
		return
	}
	carts := bucket.Space("shop")
	rev, _ := carts.Put(ctx, kv.Write{Key: "alice", Value: []byte("1 apple")})
	_, err = carts.Put(ctx, kv.Write{Key: "alice", Value: []byte("2 apples"), Check: kv.IfRev(rev)})
	fmt.Println(err)
	_, err = carts.Put(ctx, kv.Write{Key: "alice", Value: []byte("3 apples"), Check: kv.IfRev(rev)})
	fmt.Println(err)
	e, _ := carts.GetLeader(ctx, "alice")
	fmt.Printf("%s\n", e.Value)
	// Output:
	// <nil>
	// kv: the key has another revision
	// 2 apples
}
