use proptest::prelude::*;

use super::*;
use crate::identity::people::import::line::{self, PasswordRules};
use crate::platform::passwords::Policy;

fn open(bytes: impl Into<Vec<u8>>, format: Format) -> anyhow::Result<PeopleFile> {
    PeopleFile::new("people".to_owned(), io::Cursor::new(bytes.into()), None, format)
}

/// `line:username:name` of a good line, `line!fault` of a bad one, `!fault` where reading can't go on.
fn read(bytes: impl Into<Vec<u8>>, format: Format) -> Vec<String> {
    let rules =
        PasswordRules::new(Policy::at_least(Policy::DEFAULT_MIN_LENGTH), false, time::OffsetDateTime::UNIX_EPOCH);
    open(bytes, format)
        .unwrap_or_else(|error| panic!("a header: {error:#}"))
        .map(|line| match line {
            Ok((number, Ok(fields))) => {
                let (person, faults) = line::read(fields, rules);
                let username = person.username.as_ref().map_or("", |username| username.as_str());
                let name = person.name.as_ref().map_or("", |name| name.as_str());
                if faults.is_empty() { format!("{number}:{username}:{name}") } else { format!("{number}!{faults:?}") }
            }
            Ok((number, Err(fault))) => format!("{number}!{fault}"),
            Err(error) => format!("!{error:#}"),
        })
        .collect()
}

fn csv(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    read(bytes, Format::Csv)
}

fn utf16(text: &str, big_endian: bool, mark: bool) -> Vec<u8> {
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    units.flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn lines_keep_their_numbers_however_they_end() {
    for end in ["\n", "\r\n", "\r"] {
        let text = "\u{feff}username,name,email\nada,\"Ada, of\nQuispe\",\n\n\nbob,Bob\ncid,\"Cid, C\",\ndan,Dan,\n";
        let lines = csv(text.replace('\n', end));
        assert!(lines[0].starts_with("2!") && lines[0].contains("control characters"), "{end:?}: {lines:?}");
        assert!(lines[1].starts_with("6!has 2 cells"), "{end:?}: {lines:?}");
        assert_eq!(lines[2..], ["7:cid:Cid, C", "8:dan:Dan"], "{end:?}");
    }
    assert_eq!(csv("username,name\rada,Ada\r\nbob,Bob\n\rcid,Cid"), ["2:ada:Ada", "3:bob:Bob", "5:cid:Cid"]);
}

#[test]
fn the_first_line_says_what_separates() {
    for text in [
        "Username; name ;password\rada;Quispe, Ada;\r",
        "username\tname\tpassword\nada\tQuispe, Ada\t",
        "username|name\nada|Quispe, Ada",
        "\"username\";\"name\"\r\n\"ada\";\"Quispe, Ada\"\r\n",
        "USERNAME;\u{a0}Name\u{a0};Document number\nada;Quispe, Ada;\n",
        "login;display_name\nada;Quispe, Ada\n",
    ] {
        assert_eq!(csv(text), ["2:ada:Quispe, Ada"], "{text:?}");
    }
    for text in [
        "sep=;\r\nusername;name\r\nada;Quispe, Ada\r\n",
        "SEP=\t\nusername\tname\nada\tQuispe, Ada\n",
        "\"sep=;\"\nusername;name\nada;Quispe, Ada\n",
        "sep=#\rusername#name\rada#Quispe, Ada",
        ";;\nusername;name\nada;Quispe, Ada",
    ] {
        assert_eq!(csv(text), ["3:ada:Quispe, Ada"], "{text:?}");
    }
    assert_eq!(csv("sep=,\nusername,name,password\nada,\"Quispe; Ada\",\n"), ["3:ada:Quispe; Ada"]);
}

#[test]
fn what_spreadsheets_leave_empty_is_nothing() {
    let text = "username,name,password,,\n,,,,\nada,Ada,,,\n  ,\u{a0},,,\n,,,,,,,\nbob,Bob,,,\n";
    assert_eq!(csv(text), ["3:ada:Ada", "6:bob:Bob"]);
    assert_eq!(csv("username,,name\nada,,Ada\n"), ["2:ada:Ada"]);
    assert_eq!(csv("username,name,\nada,Ada\n"), ["2:ada:Ada"]);
    let lines = csv("username,,name\nada,secret,Ada\n\nbob,,Bob,secret\n");
    assert!(lines[0].starts_with("2!has something in column 2"), "{lines:?}");
    assert!(lines[1].starts_with("4!has 4 cells, but the first line names 3 fields"), "{lines:?}");
    assert!(!lines.concat().contains("secret"));
    assert_eq!(csv("username,name\nada,\u{a0} Ada \u{200b}\n"), ["2:ada:Ada"]);
}

#[test]
fn numbers_that_a_spreadsheet_has_spoilt_are_refused_and_those_kept_as_text_are_read() {
    let number =
        |number: &str| csv(format!("username;name;document_type;document_number\nada;Ada;DNI;{number}\n")).concat();
    for good in ["=\"00012345\"", "\"=\"\"00012345\"\"\"", "00012345", "'12E+5", "12E5", "1E+"] {
        assert_eq!(number(good), "2:ada:Ada", "{good}");
    }
    for spoilt in ["4.5678912E+07", "4,56E+08", "1E+11", "2.06e+10"] {
        let fault = number(spoilt);
        assert!(fault.contains("document_number") && fault.contains("its digits are lost"), "{fault}");
    }
}

#[test]
fn every_encoding_of_unicode_is_read_and_others_are_named() {
    let text = "username;name\r\nada;Señora Ñandú 🦜\r\n";
    for (big_endian, mark) in [(true, true), (true, false), (false, true), (false, false)] {
        assert_eq!(csv(utf16(text, big_endian, mark)), ["2:ada:Señora Ñandú 🦜"]);
    }
    let json = "{\"username\":\"ada\",\"name\":\"Ñandú\"}\r\n";
    assert_eq!(read(utf16(json, false, true), Format::Jsonl), ["1:ada:Ñandú"]);
    assert_eq!(read(format!("\u{feff}{json}"), Format::Jsonl), ["1:ada:Ñandú"]);

    let lines = csv(b"username,name\nada,Se\xf1ora\nbob,Bob\n");
    assert!(lines[0].starts_with("2!name: is not UTF-8") && lines[0].contains("CSV UTF-8"), "{lines:?}");
    assert_eq!(lines[1], "3:bob:Bob");
    let lines = read(b"{\"username\":\"ada\",\"name\":\"Se\xf1ora\"}", Format::Jsonl);
    assert!(lines[0].starts_with("1!is not UTF-8"), "{lines:?}");
    let refused = |bytes: &[u8]| format!("{:#}", open(bytes, Format::Csv).err().expect("a refusal"));
    assert!(refused(b"username,n\xe1me\n").contains("CSV UTF-8"));
    assert!(refused(b"\xff\xfe\0\0u\0\0\0").contains("UTF-32"));
    let lines = csv(b"username,name\nada,A\0da\n");
    assert!(lines[0].starts_with("2!name: has a NUL"), "{lines:?}");
    let cut = &utf16(text, false, true)[..61];
    assert!(refused(cut).contains("half of a character is missing"));
}

#[test]
fn the_first_line_must_name_what_is_needed_and_nothing_unknown() {
    let fault = |header: &str| format!("{:#}", open(header, Format::Csv).err().expect("a faulty header"));
    assert!(fault("").contains("empty"));
    assert!(fault("\r\n,,\r\n").contains("empty"));
    assert!(fault("username,password\n").contains("no column `name`"));
    assert!(fault("name\n").contains("no column `username`"));
    let pasword = fault("username,name,pasword,zzz\n");
    assert!(pasword.contains("unknown column `pasword`, did you mean `password`?"), "{pasword}");
    assert!(pasword.contains("unknown column `zzz`. Known columns: username, name"), "{pasword}");
    assert!(fault("username,name,password,name\n").contains("twice"));
    assert!(fault("username,name,LOGIN\n").contains("twice"));
}

#[test]
fn a_forgotten_quote_does_not_take_the_whole_file() {
    let text = format!("username,name,password\nada,\"Ada,x\n{}", "bob,Bob,x\n".repeat(100_000));
    let lines = csv(text);
    assert!(lines[0].starts_with("!people:2") && lines[0].contains("quote"), "{}", lines[0]);
    let head = format!("username,\"name,password\n{}", "bob,Bob,x\n".repeat(100_000));
    assert!(open(head, Format::Csv).is_err());
}

#[test]
fn json_lines_end_as_they_like_and_a_list_of_them_is_told_how_to_become_some() {
    let ada = "{\"username\": \"ada\", \"name\": \"Ada\", \"id\": 7, \"sessions\": 0, \"email\": null}";
    for end in ["\n", "\r\n", "\r", "\n\n\n"] {
        let lines = read([ada, ada].join(end), Format::Jsonl);
        assert_eq!(lines.len(), 2, "{end:?}");
        assert!(lines[1].ends_with(":ada:Ada") && lines[1] != lines[0], "{lines:?}");
    }
    for text in [
        format!("[{ada}]"),
        format!("[\n  {ada},\n  {ada}\n]\n"),
        format!("{ada},\n{ada}\n"),
        "{\n\"a\": 1}".to_owned(),
    ] {
        assert!(read(text.clone(), Format::Jsonl)[0].contains("jq -c '.[]'"), "{text}");
    }
}

#[test]
fn json_faults_tell_no_secret() {
    let lines = read(
        "{\"username\": \"ada\", \"name\": \"Ada\", \"password\": \"correct horse\"}\n\n\
         {\"username\": \"bob\", \"password\": 12345}\n[\"hunter2\"]\n{\"pass\": \"hunter2\"}\n\
         {\"username\": \"cid\" \"hunter2\"}\n{\"username\": 7}\n{} {}\n",
        Format::Jsonl,
    );
    assert_eq!(lines[0], "1:ada:Ada");
    assert_eq!(lines[1], "3!password: must be a text between quotes");
    assert!(lines[2].starts_with("4!is not one JSON object"));
    assert!(lines[3].contains("unknown field `pass`"), "{}", lines[3]);
    assert!(lines[4].starts_with("6!is not JSON from column"));
    assert!(lines[5].starts_with("7!username: "), "{}", lines[5]);
    assert!(lines[6].starts_with("8!is not one JSON object"), "{}", lines[6]);
    assert!(!lines.concat().contains("hunter2") && !lines.concat().contains("12345"));
}

/// Hands over a few bytes at a time, as networks do.
struct Drops(io::Cursor<Vec<u8>>, usize);

impl Read for Drops {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.1);
        self.0.read(&mut buffer[..length])
    }
}

proptest! {
    /// Whatever a program writes with the csv crate is read as it was meant, each record with the number of its line.
    #[test]
    fn what_is_written_is_read(
        names in proptest::collection::vec("[A-Z]([-a-z'=;,|\"ñ🦜 ]{0,8}[a-z])?", 1..8),
        delimiter in proptest::sample::select(vec![b',', b';', b'\t', b'|']),
        end in proptest::sample::select(vec!["\n", "\r\n", "\r"]),
        quotes in proptest::sample::select(vec![::csv::QuoteStyle::Necessary, ::csv::QuoteStyle::Always]),
        encoding in 0..6,
        drop in 1_usize..9,
    ) {
        let terminator = match end {
            "\r\n" => ::csv::Terminator::CRLF,
            end => ::csv::Terminator::Any(end.as_bytes()[0]),
        };
        let mut file = ::csv::WriterBuilder::new();
        let mut file = file.delimiter(delimiter).terminator(terminator).quote_style(quotes).from_writer(Vec::new());
        file.write_record(["username", "name"]).expect("a head");
        for (n, name) in names.iter().enumerate() {
            file.write_record([format!("u{n}"), crate::platform::spreadsheet::harmless(name).into_owned()]).expect("a record");
        }
        let text = String::from_utf8(file.into_inner().expect("a file")).expect("UTF-8");
        let bytes = match encoding {
            0 => text.into_bytes(),
            1 => format!("\u{feff}{text}").into_bytes(),
            n => utf16(&text, n % 2 == 0, n < 4),
        };
        let input = Drops(io::Cursor::new(bytes), drop);
        let file = PeopleFile::new("people".to_owned(), input, None, Format::Csv).expect("a file");
        let rules = PasswordRules::new(Policy::at_least(Policy::DEFAULT_MIN_LENGTH), false, time::OffsetDateTime::UNIX_EPOCH);
        let mut read = Vec::new();
        for line in file {
            let (number, fields) = line.expect("a line");
            let (person, faults) = line::read(fields.expect("fields"), rules);
            prop_assert_eq!(faults, Vec::<String>::new());
            read.push((number, person.name.expect("a name").as_str().to_owned()));
        }
        let meant: Vec<(u64, String)> = (2..).zip(names).collect();
        prop_assert_eq!(read, meant);
    }
}
