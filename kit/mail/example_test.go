package mail_test

import (
	"fmt"

	"fnstore/kit/mail"
)

// What becomes a header is one line, whatever somebody has put into it.
func ExampleLine() {
	fmt.Printf("%q\n", mail.Line("Order 17\r\nBcc: everybody@example.org"))
	_, err := mail.Address("ada@example.org, bob@example.org")
	fmt.Println(err != nil)
	// Output:
	// "Order 17 Bcc: everybody@example.org"
	// true
}
