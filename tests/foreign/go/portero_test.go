// Package portero drives Portero with golang.org/x/oauth2 and github.com/coreos/go-oidc: client_secret_post, consent asked each time.
package portero

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

type client struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
	Back   string `json:"redirect_uri"`
	Left   string `json:"post_logout_redirect_uri"`
}

type world struct {
	client
	*testing.T
	oauth2.Config
	provider *oidc.Provider
	metadata struct {
		Introspection string `json:"introspection_endpoint"`
		Revocation    string `json:"revocation_endpoint"`
		EndSession    string `json:"end_session_endpoint"`
	}
}

func newWorld(t *testing.T) *world {
	text, err := os.ReadFile(os.Getenv("CLIENTS"))
	all := map[string]client{}
	if err = errors.Join(err, json.Unmarshal(text, &all)); err != nil {
		t.Fatal(err)
	}
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, client: all["go"], provider: provider}
	if err := provider.Claims(&w.metadata); err != nil {
		t.Fatal(err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	scopes := []string{oidc.ScopeOpenID, "profile", oidc.ScopeOfflineAccess, "UI%20Store:read"}
	w.Config = oauth2.Config{ClientID: w.ID, ClientSecret: w.Secret, Endpoint: endpoint, RedirectURL: w.Back, Scopes: scopes}
	return w
}

// person goes to an address with a browser, and says where they came out.
func (w *world) person(address string, options ...string) *url.URL {
	words := append([]string{os.Getenv("PERSON"), filepath.Join(os.Getenv("JARS"), "go"), address}, options...)
	command := exec.Command("python3", words...)
	command.Stderr = os.Stderr
	text, err := command.Output()
	var told struct{ URL string }
	if err = errors.Join(err, json.Unmarshal(text, &told)); err != nil {
		w.Fatal(err)
	}
	back, err := url.Parse(told.URL)
	if err != nil || told.URL == "" {
		w.Fatalf("%s: %v", text, err)
	}
	return back
}

// login sends somebody to log in, and answers with what they brought back.
func (w *world) login(state, nonce, verifier string) url.Values {
	return w.person(w.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))).Query()
}

func (w *world) post(address string, form url.Values) (int, map[string]any) {
	form.Set("client_id", w.ID)
	form.Set("client_secret", w.Secret)
	answer, err := http.PostForm(address, form)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	told := map[string]any{}
	_ = json.NewDecoder(answer.Body).Decode(&told)
	return answer.StatusCode, told
}

func (w *world) isAllowed(token string) bool {
	question := strings.NewReader(`{"service_id": 4, "permission": "read"}`)
	request, _ := http.NewRequest(http.MethodPost, os.Getenv("ISSUER")+"/check-token", question)
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	var told struct{ Allowed bool }
	_ = json.NewDecoder(answer.Body).Decode(&told)
	return told.Allowed
}

func (w *world) assert(holds bool, told ...any) {
	w.Helper()
	if !holds {
		w.Fatal(told...)
	}
}

func TestSomebodyLogsInGoesOnAndLogsOut(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	verifier := oauth2.GenerateVerifier()
	back := w.login("a state", "a nonce", verifier)
	w.assert(back.Get("state") == "a state" && back.Get("iss") == os.Getenv("ISSUER"), back)
	token, err := w.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier))
	w.assert(err == nil, err)

	raw, _ := token.Extra("id_token").(string)
	idToken, err := w.provider.Verifier(&oidc.Config{ClientID: w.ID}).Verify(ctx, raw)
	w.assert(err == nil, err)
	w.assert(idToken.Subject == "7" && idToken.Nonce == "a nonce", idToken)
	w.assert(idToken.VerifyAccessToken(token.AccessToken) == nil, "at_hash")
	_, err = w.provider.Verifier(&oidc.Config{ClientID: "another"}).Verify(ctx, raw)
	w.assert(err != nil, "an ID token for another client")

	info, err := w.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	w.assert(err == nil, err)
	claims := map[string]any{}
	w.assert(info.Claims(&claims) == nil && claims["preferred_username"] == "juan", claims)
	w.assert(w.isAllowed(token.AccessToken), "what juan may do")
	_, told := w.post(w.metadata.Introspection, url.Values{"token": {token.AccessToken}})
	scope, _ := told["scope"].(string)
	w.assert(told["active"] == true && slices.Contains(strings.Fields(scope), "UI%20Store:read"), told)

	fresh, err := w.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	w.assert(err == nil && fresh.RefreshToken != token.RefreshToken, err)
	status, _ := w.post(w.metadata.Revocation, url.Values{"token": {fresh.RefreshToken}})
	w.assert(status == http.StatusOK, status)
	_, told = w.post(w.metadata.Introspection, url.Values{"token": {fresh.AccessToken}})
	w.assert(told["active"] == false && !w.isAllowed(fresh.AccessToken), told)
	_, err = w.TokenSource(ctx, &oauth2.Token{RefreshToken: fresh.RefreshToken}).Token()
	w.assert(isRefused(err, "invalid_grant"), err)

	out := url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {w.Left}, "state": {"bye"}}
	w.assert(w.person(w.metadata.EndSession+"?"+out.Encode()).String() == w.Left+"?state=bye", "back from the logout")
}

func TestAClientGetsATokenOfItsOwn(t *testing.T) {
	w := newWorld(t)
	own := clientcredentials.Config{
		ClientID: w.ID, ClientSecret: w.Secret, TokenURL: w.Endpoint.TokenURL, AuthStyle: oauth2.AuthStyleInParams,
	}
	token, err := own.Token(context.Background())
	w.assert(err == nil && w.isAllowed(token.AccessToken), err)
}

func TestWhatDoesNotFitTogetherIsRefused(t *testing.T) {
	w := newWorld(t)
	verifier := oauth2.GenerateVerifier()
	denied := w.person(w.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)), "--deny").Query()
	w.assert(denied.Get("error") == "access_denied" && denied.Get("state") == "s", denied)
	redeem := func(code string, options ...oauth2.AuthCodeOption) error {
		_, err := w.Exchange(context.Background(), code, options...)
		return err
	}
	right := oauth2.VerifierOption(verifier)
	code := w.login("s", "n", verifier).Get("code")
	w.assert(isRefused(redeem(code, oauth2.VerifierOption(oauth2.GenerateVerifier())), "invalid_grant"), "another verifier")
	w.assert(isRefused(redeem(code), "invalid_grant"), "no verifier")
	w.assert(redeem(code, right) == nil && isRefused(redeem(code, right), "invalid_grant"), "twice")
	code = w.login("s", "n", verifier).Get("code")
	w.Config.ClientSecret += "0"
	w.assert(isRefused(redeem(code, right), "invalid_client"), "another secret")
}

func isRefused(err error, code string) bool {
	var refused *oauth2.RetrieveError
	return errors.As(err, &refused) && refused.ErrorCode == code
}
