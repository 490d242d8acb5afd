//! What people are called, in several languages and scripts.
//!
//! In: chance. Out: a name as a person writes it, and its letters as they stand in a mailbox
//! name, which is plain ASCII. The names are what makes the example data worth loading: umlauts,
//! apostrophes, family names that come first, commas and quotation marks.

use unicode_normalization::UnicodeNormalization;

use super::random::Random;

/// The names of one language, separated by spaces. `_` is a space within a name. After a colon:
/// the name in Latin letters, where the script is another.
struct Language {
    given: &'static str,
    family: &'static str,
    order: Order,
}

#[derive(Clone, Copy)]
enum Order {
    GivenFirst,
    FamilyFirst,
    /// As `GivenFirst`, and now and then with a `Jr.` or a nickname.
    English,
}

/// What a seed means depends on every word here and on their order: a change is a change of the
/// committed files.
const LANGUAGES: [Language; 14] = [
    Language {
        given: "Amelia Benjamin Charlotte Daniel Evelyn Frederick Grace Henry Isla Jack Katherine \
                Lewis Margaret Nathaniel Olivia Patrick Rosemary Samuel Theodore Violet",
        family: "Ashworth Bennett Carter Dawson Ellis Fletcher Graham Holloway Ingram Jackson Knight \
                 Lawson Mitchell Norris Osborne Palmer Reed Saunders Turner Whitfield",
        order: Order::English,
    },
    Language {
        given: "Aoife Brendan Ciarán Deirdre Eoin Fionnuala Gráinne Máire Niamh Oisín Pádraig \
                Róisín Saoirse Siobhán Tadhg",
        family: "Byrne Doyle Fitzgerald Gallagher Kavanagh MacCarthy Nolan O'Brien O'Connor \
                 O'Sullivan Ó_Briain Ní_Dhomhnaill Quinn Ryan Walsh",
        order: Order::English,
    },
    Language {
        given: "Anneliese Björn Claudia Dieter Elke Friedrich Günther Heike Jörg Käthe Lukas \
                Marlene Nadja Oskar Sören Ursula Wiebke",
        family: "Bäcker Dörfler Fuchs Groß Hübner Jäger Köhler Lehmann Müller Neumann Schäfer \
                 Schröder Strauß Voß Weiß von_der_Heide zu_Löwenstein",
        order: Order::GivenFirst,
    },
    Language {
        given: "Adélaïde Anaïs Benoît Céline François Gaëlle Hélène Jérôme Léa Loïc Maëlys Noémie \
                Océane Raphaël Théo Zoé",
        family: "Beauchêne Chevalier Delacroix D'Aubigné Dubois Fontaine Lefèvre L'Hôpital Moreau \
                 Noël Pélissier Rousseau Saint-Exupéry Tréguier de_La_Tour",
        order: Order::GivenFirst,
    },
    Language {
        given: "Alejandro Begoña Concepción Diego Esperanza Gonzalo Inés Iñaki Jesús Lucía María \
                Nuria Óscar Pilar Ramón Sofía Ximena",
        family: "Álvarez Castaño Domínguez Echeverría Fernández García_Lorca Gutiérrez Ibáñez López \
                 Muñoz Núñez Ordóñez Peña Quiñones Rodríguez Zúñiga",
        order: Order::GivenFirst,
    },
    Language {
        given: "Afonso Beatriz Conceição Duarte Estevão Fátima Gonçalo Inês João Luísa Margarida \
                Simão Vitória",
        family: "Araújo Brandão Conceição_Lopes Falcão Guimarães Leitão Magalhães Negrão Pinheiro \
                 Simões Tavares dos_Santos",
        order: Order::GivenFirst,
    },
    Language {
        given: "Agnieszka Bolesław Danuta Elżbieta Grażyna Jędrzej Łucja Małgorzata Paweł \
                Stanisław Świętosława Wojciech Zbigniew Żaneta",
        family: "Błaszczyk Dąbrowska Gołąb Jagiełło Kołodziej Łukasiewicz Mróz Nowak Pająk Szczęsny \
                 Śliwa Wąsik Wróbel Źrebiec",
        order: Order::GivenFirst,
    },
    Language {
        given: "Anežka Bořivoj Čeněk Dušan Eliška František Jiří Kateřina Ludmila Matěj Růžena \
                Štěpán Tereza Žofie",
        family: "Černý Dvořák Hájek Jeřábek Kovář Kučera Novotný Růžička Říha Svoboda Šimek Šťastný \
                 Tůma Žižka",
        order: Order::GivenFirst,
    },
    Language {
        given: "Ayşe Barış Çağla Deniz Emre Gökçe Hüseyin İpek Kıvanç Mehmet Özlem Şebnem Tuğba \
                Ümit Yiğit",
        family: "Akın Bozkır Çelik Doğan Erdoğdu Güneş Işık Karataş Öztürk Şahin Tekin Uçar Üstün \
                 Yıldız",
        order: Order::GivenFirst,
    },
    Language {
        given: "Anh Bình Cường Dũng Hạnh Hương Khánh Linh Mỹ Ngọc Phượng Quỳnh Thảo Tuấn",
        family: "Bùi Đặng Đinh Dương Hoàng Huỳnh Lê Lý Ngô Nguyễn Phạm Phan Trần Võ",
        order: Order::FamilyFirst,
    },
    Language {
        given: "Adébáyọ̀ Chidiẹ́bere Chimamanda Fọlákẹ́ Ifẹ́olúwa Ngọzi Obinna Olúwaṣeun Táíwò \
                Uchenna Yétúndé",
        family: "Achebe Adéyẹmí Balógun Eze Ìdòwú Nwosu Ọbáfẹ́mi Okafor Okonkwo Ṣóyínká",
        order: Order::GivenFirst,
    },
    Language {
        given: "Αλέξανδρος:alexandros Βασιλική:vasiliki Γεώργιος:georgios Δήμητρα:dimitra \
                Ελένη:eleni Θεόδωρος:theodoros Ιωάννα:ioanna Κωνσταντίνος:konstantinos \
                Νικόλαος:nikolaos Σοφία:sofia",
        family: "Αγγελόπουλος:angelopoulos Βλάχου:vlachou Γεωργίου:georgiou Δημητρίου:dimitriou \
                 Ιωαννίδης:ioannidis Κωστόπουλος:kostopoulos Νικολάου:nikolaou \
                 Παπαδοπούλου:papadopoulou Σαμαράς:samaras",
        order: Order::GivenFirst,
    },
    Language {
        given: "Андрій:andrii Богдана:bohdana Дарина:daryna Євген:yevhen Ірина:iryna \
                Катерина:kateryna Мар'яна:mariana Олександр:oleksandr Софія:sofiia Тарас:taras",
        family: "Бондаренко:bondarenko Гончар:honchar Іваненко:ivanenko Коваль:koval \
                 Лисенко:lysenko Мельник:melnyk Олійник:oliinyk Поліщук:polishchuk \
                 Шевченко:shevchenko",
        order: Order::GivenFirst,
    },
    Language {
        given: "花子:hanako 健太:kenta 翔:sho 美咲:misaki 陽菜:hina 大輔:daisuke さくら:sakura \
                蓮:ren 結衣:yui 直樹:naoki",
        family: "山田:yamada 佐藤:sato 鈴木:suzuki 高橋:takahashi 田中:tanaka 渡辺:watanabe \
                 伊藤:ito 小林:kobayashi 加藤:kato",
        order: Order::FamilyFirst,
    },
];

/// How one person is called.
#[derive(Clone)]
pub(super) struct Name {
    language: &'static Language,
    given: usize,
    family: usize,
    ornament: Ornament,
}

#[derive(Clone, Copy)]
enum Ornament {
    None,
    /// A comma, so the field must be quoted.
    Junior,
    /// Quotation marks, so they must be doubled.
    Nickname,
}

impl Name {
    pub(super) fn draw(random: &mut Random) -> Self {
        let language = random.pick(&LANGUAGES);
        Self {
            language,
            given: random.place(words(language.given).count()),
            family: random.place(words(language.family).count()),
            ornament: Ornament::draw(random, language.order),
        }
    }

    /// The same person with another family name.
    pub(super) fn with_another_family(&self, random: &mut Random) -> Self {
        let families = words(self.language.family).count();
        Self {
            family: (self.family + 1 + random.place(families - 1)) % families,
            ..self.clone()
        }
    }

    /// The name as its bearer writes it.
    pub(super) fn written(&self) -> String {
        let given = written(word(self.language.given, self.given));
        let family = written(word(self.language.family, self.family));
        match (self.language.order, self.ornament) {
            (Order::FamilyFirst, _) => format!("{family} {given}"),
            (_, Ornament::None) => format!("{given} {family}"),
            (_, Ornament::Junior) => format!("{given} {family}, Jr."),
            (_, Ornament::Nickname) => {
                let nickname: String = given.chars().take(3).collect();
                format!("{given} \"{nickname}\" {family}")
            }
        }
    }

    /// The given name in small ASCII letters.
    pub(super) fn given_letters(&self) -> String {
        letters(word(self.language.given, self.given))
    }

    /// The family name in small ASCII letters.
    pub(super) fn family_letters(&self) -> String {
        letters(word(self.language.family, self.family))
    }
}

impl Ornament {
    fn draw(random: &mut Random, order: Order) -> Self {
        match (order, random.below(100)) {
            (Order::English, 0..3) => Self::Junior,
            (Order::English, 3..5) => Self::Nickname,
            _ => Self::None,
        }
    }
}

fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_ascii_whitespace()
}

fn word(list: &'static str, place: usize) -> &'static str {
    words(list).nth(place).unwrap_or_default()
}

fn written(word: &str) -> String {
    word.split(':').next().unwrap_or_default().replace('_', " ")
}

fn letters(word: &str) -> String {
    let latin = word.split(':').next_back().unwrap_or_default();
    latin
        .nfd()
        .flat_map(char::to_lowercase)
        .filter_map(ascii)
        .collect()
}

/// The ASCII letters for what decomposition leaves of a letter.
fn ascii(letter: char) -> Option<&'static str> {
    const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz";
    match letter {
        'ß' => Some("ss"),
        'ł' => Some("l"),
        'đ' => Some("d"),
        'ı' => Some("i"),
        _ => ALPHABET.find(letter).map(|place| &ALPHABET[place..=place]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn lists() -> impl Iterator<Item = &'static str> {
        LANGUAGES.iter().flat_map(|l| [l.given, l.family])
    }

    #[test]
    fn every_name_has_a_mailbox_spelling_in_small_ascii_letters() {
        for word in lists().flat_map(words) {
            let (latin, letters) = (word.split(':').next_back().unwrap(), letters(word));
            assert!(
                letters.bytes().all(|byte| byte.is_ascii_lowercase()),
                "{word}"
            );
            let expected = latin.nfc().filter(|c| c.is_alphabetic()).count();
            assert!(letters.len() >= expected, "{word} lost a letter: {letters}");
        }
    }

    #[test]
    fn no_list_has_a_name_twice_so_another_family_is_another_name() {
        for list in lists() {
            let distinct: BTreeSet<_> = words(list).collect();
            assert_eq!(distinct.len(), words(list).count(), "{list}");
        }
    }

    #[test]
    fn every_name_is_written_in_composed_form() {
        for word in lists().flat_map(words) {
            assert!(word.nfc().eq(word.chars()), "{word}");
        }
    }
}
