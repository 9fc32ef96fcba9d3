//! Hashes that other systems made: imported as they are, verified, replaced by ours at the first login; and what looks
//! like one and can't be verified, which is refused and never taken for a password.

use axum::http::Method;
use futures_util::StreamExt;
use futures_util::stream::iter;
use serde_json::json;

use crate::passwords::imported;
use crate::support::Server;

/// Made for `correct horse` by the systems themselves or by Python: hashlib, bcrypt, argon2-cffi, PyNaCl, crypt(3) of
/// libxcrypt, passlib, Django and Werkzeug. Those of WordPress, Drupal, Keycloak, ASP.NET and better-auth after their
/// sources, with hashlib.
const FOREIGN: [(&str, &str); 40] = [
    ("bcrypt", "$2b$05$aF/oTg.FTEtM9xG13ZQFReST97E0AKK89hOMKy3b98NP1dCZKWOHS"),
    ("bcrypt-php", "$2y$05$aF/oTg.FTEtM9xG13ZQFReST97E0AKK89hOMKy3b98NP1dCZKWOHS"),
    ("scrypt", "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$6g3umF+uVrJsObaTZhIbbTlgrvOEFcCItdwSjtPF67M"),
    ("pbkdf2", "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M"),
    (
        "passlib",
        "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$OM0FAoIqCVK1sWtxDiffVlBejtLa.ks4TP71JiecwuSZCG8iLbnlIEPOMoVX.i2B2wkSxjQ8CRGR9OkNGuIPMQ",
    ),
    ("argon2", "$argon2id$v=19$m=1024,t=1,p=2$E5oFHqF40pujFnzPYv7RzQ$TWybKZIAHGFJH9hgnFTlHf3zYg1OVrxp+CIPxD/m+Ds"),
    ("django-pbkdf2", "pbkdf2_sha256$1000$somesalt12345678901234$OcIFdwED/+BG0RZO4rOJo1xbRQQ1FMZm+NViwv4Rhko="),
    ("django-pbkdf2-sha1", "pbkdf2_sha1$1000$somesalt12345678901234$e/opwRrs+O4Y/5D6zd2I9hvK6LM="),
    (
        "django-argon2",
        "argon2$argon2id$v=19$m=1024,t=2,p=8$bDVNRTNTd2tNeloxVVJqeDB1dG1lRg$Yx0I9tSzpJND7ZmowmxOXg754v3suNj83OrvtNYGFOM",
    ),
    ("django-bcrypt-sha256", "bcrypt_sha256$$2b$05$SrYdzyFm2UGNLTsQqlN8Jug9E9RqbduKi0YM2dDOwseSkOTIIgc7S"),
    ("django-bcrypt", "bcrypt$$2b$05$kb03Whzk852ihi60bN8oTOP..Cjl5gtzE84iQHAe6Umh0nprCXBWK"),
    (
        "django-scrypt",
        "scrypt$1024$somesalt12345678901234$8$5$tPbIQDaJA791vxpolQWzTiQ1K5c/ZtCuzsp5AsUzWk08Otmxab4gOaaG46t9rtyBGSAnClb5SP/jvfO8nhfh2w==",
    ),
    (
        "werkzeug-pbkdf2",
        "pbkdf2:sha256:1000$nlTmWee8BNUzwY2C$a2b1710b650b888cbdeb7b5413e9226ea63b8277acc1b30e167153f9a201ee4d",
    ),
    (
        "werkzeug-pbkdf2-512",
        "pbkdf2:sha512:1000$uOhJsysc3bmx3mWd$411cb91fe94b44c1a6f8f8a209fbcfaebdc6c59546fe6faa5539e1e204ed9df20719840ae830110f68ef4e4e9078d335d50cf83c5848bd7c8c4a34327179f58e",
    ),
    (
        "werkzeug-scrypt",
        "scrypt:1024:8:1$kOvE5Uh7rEnVzCeK$abfe0f5d0adfc4e145dbbe0b3133d86deaffdc54838cab09c969f279e56864ae09747dc5a7232a6fdefa48acf3d17c93b86664afa47b83fce2b926b4f6c14f51",
    ),
    ("passlib-sha1-pbkdf2", "$pbkdf2$1000$HaMUQkiJsdYa4zznnFPKOQ$aMv.Pg3LSPKIKPGJXpm0h4WeBVM"),
    ("passlib-sha256-pbkdf2", "$pbkdf2-sha256$1000$f..dk3KOkbK2dm5N6R2DcA$v/kI6OUcmEz.x9Jw9UR8b2qH1jsY/upwgW2WMZdTB7E"),
    (
        "passlib-sha512-pbkdf2",
        "$pbkdf2-sha512$1000$YgzB2HuPEQLgvLeWUur9vw$d8kjgL7lJH3Z/5o9W54guaDJlceyOLYRAi5WMewwYY9rHPFTEaRR/g3KLPCUbKHqy92wc/Fh4BJLfAc8vjuVfg",
    ),
    ("passlib-scrypt", "$scrypt$ln=10,r=8,p=1$Wuudc26t9V7r3XuP8T5HyA$PkcztG45603+Z/V0+d3Jb/I3FhleNCFKFg3njL2OisU"),
    ("phpass", "$P$6xaJ2thP4QVYjZbzn3eAALNDfdSxZ2."),
    ("phpbb", "$H$65ie9uV6xG/8X7vp7ddWvtrfmYU/BF/"),
    ("ssha", "{SSHA}WeR638O9qdn6bv0NbytqMM57RNGqFSJE"),
    ("sha", "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A="),
    ("ssha256", "{SSHA256}dC2Cmx2L0IoV2RLievIri1bftuImR3J7/C81a5L6mtWVshYiJATgPA=="),
    (
        "ssha512",
        "{SSHA512}2TS5eyBijaMByUpXL0JNZQYA4Irhm7wQmLMUIba2uIm+n/NoNk+xH4Vmqu4ItzvzBoo14V4UE3vwJxGq2Vpl07t3Tsn5/z9H",
    ),
    (
        "ldap-crypt",
        "{CRYPT}$6$ldapsalt$HQqcEflxX6b/j3Nh68rN.98Dc2QTLhN92fC3i3Tu9YzHKNvoobST0b5FRLzh8b35dsNA0CGzM.h6/hNlviU0y.",
    ),
    (
        "sha512crypt",
        "$6$rounds=5001$saltsaltsaltsalt$HyAOnRy59LtNv06c.fogNKDKuVA80ieLMatZtcwGqDDbsbCmYBIGeN/yY6s./9fN3GGvBmKA0QRob.iE9FjuL1",
    ),
    (
        "sha512crypt-plain",
        "$6$short$tXuYcoH0JOYfc12NhyivOw6a872/WP7cNZiSF6quW6VYyflEd1vlKEqlSmaFLWmjlxW80Upx0y2SUfEgavGR8/",
    ),
    ("sha256crypt", "$5$saltsaltsaltsal1$B4FZya90jVqEAtan3wqdFwtBabIxDU71fmjH7tPxUb9"),
    ("yescrypt", "$y$j9T$abcdefghijklmnopqrstu1$HZ8mcCBaXDWmMfDHc6srTC.EUNg5x04Ly/TYQCr34R."),
    ("yescrypt-75", "$y$j75$LdJMENpBABJJ3hIHjB1Bi.$rfA07bT0O97FNWV5Cb8oFDnoGBJLXwSI4w/PIpLfyy2"),
    ("wp", "$wp$2y$05$rhUeHwpaDWFwc1uSzjSaHuesniTvUiTcnwH2gu.j4oqcjDl7HZnGG"),
    ("spring", "{bcrypt}$2a$05$5OubXHpXs4bG4fJEKEi.5uuoUGt8jM0Rsyk8BYA6LH4dLqlLstrTO"),
    (
        "keycloak",
        "$pbkdf2-sha256$i=27500$AAECAwQFBgcICQoLDA0ODw==$qnA427fe69fAjkevcHZvnm7vp3MewnxKL4g2WLfI7U6teQVH1eR2L5DfcV0psPIfjGPtlZbkpnogYX+2TaSl6w==",
    ),
    ("aspnet-v3", "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg/lFQcOA1On2wE5YZhLh7q7ntzP9Krf9NCBoM//wxbovw=="),
    ("aspnet-v3-512", "AQAAAAIAAAPoAAAAEAABAgMEBQYHCAkKCwwNDg9enHTtaNXHi8Ii+uYFGPy46hVW0aomq1S/YnluGLNJCw=="),
    ("aspnet-v2", "AAABAgMEBQYHCAkKCwwNDg+d2FbDdriytxO2vgdAVMuIpGVW4BGF6o0NJn8znGUhaQ=="),
    (
        "better-auth",
        "000102030405060708090a0b0c0d0e0f:9372e2d20f7c9ba55e54d10569dfe24824c5765383f46b040e9ac7b33041339c514173900cb63a37c935c0e2f40cfe2cb39bee5fe58f54715c1fd913c4638373",
    ),
    (
        "libsodium-moderate",
        "$argon2id$v=19$m=262144,t=3,p=1$FMPQkzwZpLyRlnDLE1eudg$dvxVFcZ5+YyoQPQocpw/ZBb+6UXfrgAUyW1d8BbRAgs",
    ),
    ("drupal", "$S$DabcdefghrweNH9Barct7q2BlOD0BXxeqed7dOc4oNA9Pxa0zST8"),
];

/// From the README of Firebase's scrypt.
const FIREBASE: (&str, &str) = (
    "user1password",
    "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
);
const FIREBASE_SIGNER_KEY: &str =
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";

async fn lets_in_its_owner_alone(server: &Server, name: &str, password: &str, hash: &str) {
    assert_eq!(server.anonymous().log_in(name, "correct horsf").await.status, 401, "{name}");
    assert_eq!(server.anonymous().log_in(name, hash).await.status, 401, "{name}: the hash is no password");
    assert_eq!(server.stored_hash(name).await, hash, "a wrong password replaces nothing");
    assert_eq!(server.anonymous().log_in(name, password).await.status, 200, "{name}");
    let replaced = server.stored_hash(name).await;
    assert!(replaced.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{name}");
    assert_eq!(server.anonymous().log_in(name, password).await.status, 200, "{name} again");
    assert_eq!(server.stored_hash(name).await, replaced, "once is enough");
}

#[tokio::test]
async fn an_imported_hash_lets_its_owner_in_and_is_replaced() {
    let server = Server::configured(&[("LOGIN_FREE_FAILURES_PER_ADDRESS", "1000")]).await;
    let root = server.administrator().await;
    for (name, hash) in FOREIGN {
        root.post("/users", imported(name, hash)).await.ok();
    }
    // Refusals take half a second each; more than two at once would be too many from one network.
    let each = iter(FOREIGN);
    each.for_each_concurrent(2, |(name, hash)| lets_in_its_owner_alone(&server, name, "correct horse", hash)).await;
}

#[tokio::test]
async fn firebase_hashes_take_the_projects_key() {
    let (password, hash) = FIREBASE;
    let server = Server::configured(&[("FIREBASE_SIGNER_KEY", FIREBASE_SIGNER_KEY)]).await;
    let root = server.administrator().await;
    root.post("/users", imported("ada", hash)).await.ok();
    lets_in_its_owner_alone(&server, "ada", password, hash).await;
    let with_key = hash.replace("ss=Bw==", &format!("ss=Bw==,sk={FIREBASE_SIGNER_KEY}"));
    let refused = root.post("/users", imported("eva", &with_key)).await;
    assert_eq!(refused.refusal(), (400, "invalid_request_body"), "the key is not to lie beside the hashes");

    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let refused = root.post("/users", imported("ada", hash)).await;
    assert!(refused.detail().contains("FIREBASE_SIGNER_KEY"), "{refused:?}");
    let file = format!("username,name,password_hash\nada,Ada,\"{hash}\"\n");
    let refused = root.send_with(Method::POST, "/users/import?format=csv", &file, |request| request).await;
    assert_eq!(refused.body["faults"][0]["field"], "password_hash", "{refused:?}");
}

/// What looks like a hash, and a word of what it is said to be.
const UNKNOWN: [(&str, &str); 25] = [
    ("$1$abcdefgh$XA6TFHkaQlvOyaTmMKlbM/", "MD5-crypt"),
    ("$2$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "bcrypt"),
    ("$2y$10$N9qo8uLOickgx2ZMRZoMye", "cut short"),
    ("$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D", "scrypt"),
    ("$6$saltsalt$tooshort", "cut short"),
    ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ", "can't be read"),
    ("$pbkdf2-md5$1000$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAA", "PBKDF2"),
    ("$firescrypt$abcdefgh$ijklmnop", "hashcat"),
    ("$made-up$salt$output-of-it", "between"),
    ("{noop}correct horse", "plain text"),
    ("{MADE-UP}abcdefghijk", "braces"),
    ("{SMD5}Rpuas24zNk8i9vuSSH/Rbf2uHNQ=", "MD5"),
    ("sha1$salt$e5fa44f2b31c1fb553b6021e7360d07d5d91ff5e", "SHA-1"),
    ("pbkdf2_sha512$1000$salt", "first word"),
    ("!9cbDYww2BKoNXpl6uLGsCBPSGZy6tduftFYNV5U7", "without a password"),
    ("5f4dcc3b5aa765d61d8327deb882cf99", "MD5"),
    ("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8", "SHA-1"),
    ("5f4dcc3b5aa765d61d8327deb882cf99:salt", "salt"),
    ("aad3b435b51404eeaad3b435b51404ee:31d6cfe0d16ae931b73c59d7e0c089c0", "salt"),
    ("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "MySQL"),
    ("SCRAM-SHA-256$4096:c2FsdHNhbHQ=$c3RvcmVkLWtleQ==:c2VydmVyLWtleQ==", "SCRAM"),
    (" $1$abcdefgh$XA6TFHkaQlvOyaTmMKlbM/ ", "MD5-crypt"),
    ("b'$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'", "another program"),
    ("%242b%2410%24N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "another program"),
    (r"\$2b\$10\$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "another program"),
];

#[tokio::test]
async fn what_looks_like_a_hash_and_is_none_of_those_is_refused_and_not_taken_for_a_password() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    let path = format!("/users/{}", ada.id);
    for (hash, word) in UNKNOWN {
        let change = json!({ "password_hash": hash });
        let file =
            serde_json::to_string(&json!({"username": "eva", "name": "Eva", "password_hash": hash})).expect("JSON");
        for refused in [
            root.post("/users", imported("eva", hash)).await,
            root.put(&path, change.clone()).await,
            root.patch(&path, change.clone()).await,
        ] {
            assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{hash}");
            let detail = refused.detail();
            assert!(detail.starts_with("`password_hash`: ") && detail.contains(word), "{hash}: {detail}");
            assert!(!detail.contains(hash.trim()), "{detail}");
        }
        let refused = root.send_with(Method::POST, "/users/import?format=jsonl", &file, |request| request).await;
        assert_eq!(refused.body["faults"][0]["field"], "password_hash", "{hash}: {refused:?}");
    }
    assert_eq!(ada.check().await.status, 200, "nothing was changed");
}

#[tokio::test]
async fn a_hash_that_is_too_dear_is_refused_with_what_may_be() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (hash, most) in [
        ("$2y$16$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "cost 15"),
        ("$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "256 MiB"),
        ("$argon2id$v=19$m=262144,t=4,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "3 passes"),
        ("$scrypt$ln=40,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "128 MiB"),
        ("scrypt:4294967296:8:1$salt$0000000000000000000000000000000000000000", "128 MiB"),
        ("pbkdf2_sha256$4000000000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "2,000,000"),
        (
            "$pbkdf2-sha256$i=1500000$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "2,000,000",
        ),
        (
            "$6$rounds=1000001$salt$HyAOnRy59LtNv06c.fogNKDKuVA80ieLMatZtcwGqDDbsbCmYBIGeN/yY6s./9fN3GGvBmKA0QRob.iE9FjuL1",
            "1,000,000",
        ),
        ("$y$jFT$abcdefghijklmnopqrstu1$HZ8mcCBaXDWmMfDHc6srTC.EUNg5x04Ly/TYQCr34R.", "128 MiB"),
        ("$P$SabcdefghweNH9Barct7q2BlOD0BXx.", "2^19"),
    ] {
        let refused = root.post("/users", imported("eva", hash)).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{hash}");
        let detail = refused.detail();
        assert!(
            detail.contains("costs more to verify than Portero allows") && detail.contains(most),
            "{hash}: {detail}"
        );
    }
}

#[tokio::test]
async fn plain_words_in_the_older_field_stay_passwords() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (n, password) in
        ["eva-hash of hers", "Pa$$w0rd of mine", "sha256 is what I like", "{curly} zanahorias", "9f86d081884c7d659a"]
            .into_iter()
            .enumerate()
    {
        let username = format!("plain{n}");
        root.post("/users", imported(&username, password)).await.ok();
        server.anonymous().log_in(&username, password).await.ok();
    }
}
