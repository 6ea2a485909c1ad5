package function

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/wire"
)

// Bounds of reservations.
const (
	DefaultReservation = 30 * time.Minute
	maxReservation     = 30 * 24 * time.Hour
	maxQuantity        = 1_000_000
)

// reservation is so much of something, until it expires.
type reservation struct {
	ID        string    `json:"id"`
	Item      string    `json:"item"`
	Quantity  int       `json:"quantity"`
	State     string    `json:"state"` // reserved or expired
	ExpiresAt time.Time `json:"expires_at" db:"expires_at"`
}

const columns = `id, item, quantity, state, expires_at`

var name = regexp.MustCompile(`^[!-~]{1,128}$`)

// reserve makes a reservation. The same one a second time is the first.
func (a *api) reserve(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	ask := struct {
		ID       string `json:"id"`
		Item     string `json:"item"`
		Quantity int    `json:"quantity"`
		Seconds  int    `json:"seconds"`
	}{Quantity: 1, Seconds: int(DefaultReservation / time.Second)}
	if err := wire.Decode(body, &ask); err != nil {
		return err
	}
	if !name.MatchString(ask.ID) || !name.MatchString(ask.Item) || ask.Quantity < 1 || ask.Quantity > maxQuantity || ask.Seconds < 1 || ask.Seconds > int(maxReservation/time.Second) {
		return fault.New(fault.Invalid, "bad_reservation", "send id and item of 1 to 128 printable characters, quantity from 1 to %d, seconds up to 30 days", maxQuantity)
	}
	made, err := pg.All[reservation](r.Context(), a.db, `insert into reservation (id, item, quantity, expires_at) values ($1, $2, $3, now() + $4 * interval '1 second') on conflict (id) do nothing returning `+columns, ask.ID, ask.Item, ask.Quantity, ask.Seconds)
	if err != nil {
		return pg.Fault(err)
	}
	if len(made) == 1 {
		return wire.JSON(w, http.StatusCreated, made[0])
	}
	first, err := a.find(r, ask.ID)
	if err != nil {
		return err
	}
	if first.Item != ask.Item || first.Quantity != ask.Quantity {
		return fault.New(fault.Conflict, "reservation_exists", "there is a reservation with this id, of something else")
	}
	return wire.JSON(w, http.StatusOK, first)
}

func (a *api) reservation(w http.ResponseWriter, r *http.Request) error {
	found, err := a.find(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, found)
}

func (a *api) find(r *http.Request, id string) (reservation, error) {
	if !name.MatchString(id) {
		return reservation{}, noReservation()
	}
	found, err := pg.One[reservation](r.Context(), a.db, `select `+columns+` from reservation where id = $1`, id)
	if errors.Is(err, pg.ErrNoRows) {
		return found, noReservation()
	}
	return found, pg.Fault(err)
}

func noReservation() error {
	return fault.New(fault.NotFound, "no_reservation", "there is no such reservation; it may have been removed after it expired")
}
