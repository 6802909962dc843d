//! Texts as posts of at most 280 characters, with the pictures whose addresses stand in them.

use reqwest::Url;

/// Characters of one post, counted as Unicode scalar values. Twitter counts some, such as most
/// emoji and Chinese, twice, and every address as 23.
pub(crate) const POST_CHARS: usize = 280;

/// Endings of a picture's path.
const PICTURES: [&str; 5] = [".jpg", ".jpeg", ".png", ".gif", ".webp"];

/// One post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) text: String,
    /// The address of its picture.
    pub(crate) picture: Option<String>,
}

/// The posts of one text. The first address of a picture in it is taken out of the words and goes
/// with the first post.
pub(crate) fn posts(text: &str) -> Vec<Post> {
    let picture = text.split_whitespace().find(|word| is_picture(word));
    let text = match picture {
        Some(address) => text.replacen(address, "", 1),
        None => text.to_owned(),
    };
    let mut posts: Vec<_> =
        split(&text).into_iter().map(|text| Post { text, picture: None }).collect();
    if let Some(address) = picture {
        let picture = Some(address.to_owned());
        match posts.first_mut() {
            Some(first) => first.picture = picture,
            None => posts.push(Post { text: String::new(), picture }),
        }
    }
    posts
}

/// `text` in pieces of at most [`POST_CHARS`], each as long as its words let it be. Only a word that
/// is longer than a post is cut itself. White space between two pieces is dropped.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while let Some((limit, _)) = rest.char_indices().nth(POST_CHARS) {
        let ends_a_word = rest[limit..].starts_with(char::is_whitespace);
        let space = rest[..limit].rfind(char::is_whitespace);
        let end = match space {
            Some(space) if !ends_a_word => space,
            Some(_) | None => limit,
        };
        pieces.push(rest[..end].trim_end().to_owned());
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() {
        pieces.push(rest.to_owned());
    }
    pieces
}

fn is_picture(word: &str) -> bool {
    let web = word.starts_with("http://") || word.starts_with("https://");
    let path = Url::parse(word).ok().filter(|_| web).map(|url| url.path().to_ascii_lowercase());
    path.is_some_and(|path| PICTURES.iter().any(|ending| path.ends_with(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_split_between_words() {
        let word = "é".repeat(139);
        let table = [
            (String::new(), vec![]),
            (" a\n b ".to_owned(), vec!["a\n b".to_owned()]),
            ("x".repeat(280), vec!["x".repeat(280)]),
            ("x".repeat(281), vec!["x".repeat(280), "x".to_owned()]),
            (format!("{word} {word} b"), vec![format!("{word} {word}"), "b".to_owned()]),
            (format!("{word} {word}é b"), vec![format!("{word} {word}é"), "b".to_owned()]),
            (format!("{word} {word}éé"), vec![word.clone(), format!("{word}éé")]),
            (
                format!("a {}", "x".repeat(300)),
                vec!["a".to_owned(), "x".repeat(280), "x".repeat(20)],
            ),
        ];
        for (text, pieces) in table {
            assert_eq!(split(&text), pieces, "{text}");
        }
    }

    #[test]
    fn no_word_is_lost_and_no_piece_is_too_long() {
        let words: Vec<_> = (0..700).map(|number| "w".repeat(number % 37 + 1)).collect();
        let pieces = split(&words.join(" "));
        assert!(pieces.iter().all(|piece| piece.chars().count() <= POST_CHARS));
        let kept: Vec<_> = pieces.iter().flat_map(|piece| piece.split(' ')).collect();
        assert_eq!(kept, words);
    }

    #[test]
    fn the_address_of_a_picture_leaves_the_text() {
        let post = |text: &str, picture: Option<&str>| Post {
            text: text.to_owned(),
            picture: picture.map(str::to_owned),
        };
        let table = [
            ("hi https://a.example/b.PNG?w=1", post("hi", Some("https://a.example/b.PNG?w=1"))),
            ("http://a.example/b.webp", post("", Some("http://a.example/b.webp"))),
            ("see https://a.example/png", post("see https://a.example/png", None)),
            ("ftp://a.example/b.png", post("ftp://a.example/b.png", None)),
        ];
        for (text, expected) in table {
            assert_eq!(posts(text), [expected], "{text}");
        }
    }
}
