//! Fields of a form: number, choice, colour, words. Each is one parameter of the recipe under its name in the URL, takes
//! effect as it changes, and says below itself what is wrong with what was typed. Each gives up its type (`into_any`): a
//! form of twenty would be compiled as one type of twenty, and weigh as much.

use compositor::recipe::Colour;
use leptos::ev;
use leptos::prelude::*;

use crate::boot::Wrong;
use crate::state::{Studio, use_studio};
use crate::studio::edit::Part;
use crate::studio::history::Step;

/// A parameter as a field has it: what it is worth, and what was typed and refused until something better is.
#[derive(Clone, Copy)]
struct Entry {
    studio: Studio,
    part: Part,
    name: &'static str,
    value: Signal<String>,
    wrong: RwSignal<Option<Wrong>>,
}

impl Entry {
    fn new(part: Part, name: &'static str, value: Signal<String>) -> Self {
        let studio = use_studio();
        let wrong = RwSignal::new(studio.wrong_at(part, name));
        // A value that changes by another way (undo, a hand) takes the place of what was typed.
        Effect::new(move |before: Option<String>| {
            let now = value.get();
            if before.is_some_and(|before| before != now) {
                wrong.set(None);
            }
            now
        });
        Entry { studio, part, name, value, wrong }
    }

    /// What the field shows.
    fn text(self) -> Signal<String> {
        Signal::derive(move || self.wrong.get().map_or_else(|| self.value.get(), |wrong| wrong.given))
    }

    fn set(self, typed: &str, step: Step) {
        let refusal = self.studio.set(self.part, self.name, typed, step).err();
        self.wrong.set(refusal.map(|sentence| Wrong {
            layer: self.part.layer(),
            field: self.name.to_owned(),
            given: typed.to_owned(),
            sentence,
        }));
    }

    /// Small steps of one field that follow each other are one step to undo.
    fn run(self) -> Step {
        Step::Field(self.part, self.name)
    }

    /// Where it says what is wrong.
    fn id(self) -> String {
        format!("{}-wrong", self.input_id())
    }

    fn input_id(self) -> String {
        let part = if self.part == Part::Base { "picture" } else { "layer" };
        format!("{part}-{}", self.name)
    }

    fn invalid(self) -> impl Fn() -> Option<&'static str> + Copy + Send + Sync + 'static {
        move || self.wrong.with(Option::is_some).then_some("true")
    }

    fn described_by(self) -> impl Fn() -> Option<String> + Copy + Send + Sync + 'static {
        move || self.wrong.with(Option::is_some).then(|| self.id())
    }

    /// What is wrong, across the whole form.
    fn words(self) -> impl IntoView {
        move || {
            self.wrong
                .get()
                .map(|wrong| view! { <p class="wrong full" role="alert" id=self.id()>{wrong.sentence}</p> })
        }
    }
}

#[component]
pub fn Number(
    part: Part,
    name: &'static str,
    label: &'static str,
    step: f64,
    value: Signal<String>,
    unit: Signal<&'static str>,
    #[prop(optional)] title: &'static str,
    #[prop(optional)] placeholder: Option<Signal<String>>,
) -> impl IntoView {
    let entry = Entry::new(part, name, value);
    let text = entry.text();
    let type_in = move |change: ev::Event| entry.set(&event_target_value(&change), Step::Single);
    let step_by = move |key: ev::KeyboardEvent| {
        let direction = match key.key().as_str() {
            "ArrowUp" => 1.0,
            "ArrowDown" => -1.0,
            _ => return,
        };
        key.prevent_default();
        let far = if key.shift_key() { 10.0 } else { 1.0 };
        let shown = shown_number(&event_target_value(&key), placeholder);
        if let Some(text) = stepped(&shown, direction * far * step) {
            entry.set(&text, entry.run());
        }
    };
    view! {
        <label class="field" title=(!title.is_empty()).then_some(title)>
            <span class="label">{label}</span>
            <span class="input">
                <input type="text" inputmode="decimal" autocomplete="off" name=name value=text prop:value=text
                    placeholder=placeholder on:change=type_in on:keydown=step_by
                    aria-invalid=entry.invalid() aria-describedby=entry.described_by()/>
                <span class="unit" aria-hidden="true">{unit}</span>
            </span>
        </label>
        {entry.words()}
    }
    .into_any()
}

fn shown_number(typed: &str, placeholder: Option<Signal<String>>) -> String {
    match placeholder {
        Some(placeholder) if typed.is_empty() => placeholder.get_untracked(),
        _ => typed.to_owned(),
    }
}

/// A number one step further, in the unit it has.
fn stepped(text: &str, step: f64) -> Option<String> {
    let (number, unit) = text.strip_suffix("px").map_or((text, ""), |number| (number, "px"));
    let step = if unit == "px" { step.signum() * (step.abs() / 0.01).max(1.0) } else { step };
    let value = number.trim().parse::<f64>().ok()? + step;
    let rounded = (value * 10_000.0).round() / 10_000.0;
    Some(format!("{rounded}{unit}"))
}

/// Words of the recipe language, with what people call them.
pub type Words = Vec<(String, String)>;

/// Every word of a part of the language, called what it is.
pub fn words_of<T>(words: &[(&str, T)]) -> Signal<Words> {
    Signal::stored(words.iter().map(|(word, _)| ((*word).to_owned(), word.replace('-', " "))).collect())
}

#[component]
pub fn Choice(
    part: Part,
    name: &'static str,
    label: &'static str,
    value: Signal<String>,
    options: Signal<Words>,
    #[prop(optional, into)] disabled: Signal<bool>,
) -> impl IntoView {
    let entry = Entry::new(part, name, value);
    let text = entry.text();
    let choose = move |change: ev::Event| entry.set(&event_target_value(&change), Step::Single);
    let option = move |(word, title): (String, String)| {
        let selected = word.clone();
        view! { <option value=word selected=move || text.get() == selected>{title}</option> }
    };
    view! {
        <label class="field">
            <span class="label">{label}</span>
            <span class="input">
                <select name=name on:change=choose prop:value=text disabled=disabled
                    aria-invalid=entry.invalid() aria-describedby=entry.described_by()>
                    {move || options.get().into_iter().map(option).collect_view()}
                </select>
            </span>
        </label>
        {entry.words()}
    }
    .into_any()
}

/// A colour: picked, or typed as the URL has it. `empty` is what no value at all means.
#[component]
pub fn Tint(
    part: Part,
    name: &'static str,
    label: &'static str,
    value: Signal<String>,
    empty: &'static str,
) -> impl IntoView {
    let entry = Entry::new(part, name, value);
    let text = entry.text();
    let picked = move || value.with(|value| opaque_part(value).unwrap_or_else(|| "#ffffff".to_owned()));
    let pick = move |input: ev::Event| {
        let alpha = value.with_untracked(|value| value.get(6..8).map(str::to_owned)).unwrap_or_default();
        entry.set(&format!("{}{alpha}", event_target_value(&input)), entry.run());
    };
    let type_in = move |change: ev::Event| entry.set(&event_target_value(&change), Step::Single);
    view! {
        <div class="field">
            <label class="label" for=entry.input_id()>{label}</label>
            <span class="input">
                <input type="color" class="scripted-only" aria-label=format!("Pick: {label}") prop:value=picked on:input=pick
                    data-none=move || value.with(|value| opaque_part(value).is_none().to_string())/>
                <input type="text" id=entry.input_id() name=name autocomplete="off" spellcheck="false" maxlength="32"
                    placeholder=empty value=text prop:value=text on:change=type_in
                    aria-invalid=entry.invalid() aria-describedby=entry.described_by()/>
            </span>
        </div>
        {entry.words()}
    }
    .into_any()
}

/// `#rrggbb` of a colour in the URL's spelling, where there is one.
fn opaque_part(value: &str) -> Option<String> {
    let digits = value.get(..6).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    digits.map(|digits| format!("#{digits}"))
}

/// A colour as the URL spells it, or a word for none.
pub fn hex(colour: Colour) -> String {
    let Colour { r, g, b, a } = colour;
    match a {
        0 => "transparent".to_owned(),
        255 => format!("{r:02x}{g:02x}{b:02x}"),
        _ => format!("{r:02x}{g:02x}{b:02x}{a:02x}"),
    }
}

/// Words of one's own, over several lines; the picture follows every key.
#[component]
pub fn Writing(part: Part, name: &'static str, label: &'static str, value: Signal<String>) -> impl IntoView {
    let entry = Entry::new(part, name, value);
    let text = entry.text();
    let write = move |input: ev::Event| entry.set(&event_target_value(&input), entry.run());
    view! {
        <div class="field full">
            <label class="label" for=entry.input_id()>{label}</label>
            <span class="input tall">
                <textarea id=entry.input_id() name=name rows="2" prop:value=text on:input=write
                    aria-invalid=entry.invalid() aria-describedby=entry.described_by()>{text.get_untracked()}</textarea>
            </span>
        </div>
        {entry.words()}
    }
    .into_any()
}

pub fn fixed(unit: &'static str) -> Signal<&'static str> {
    Signal::stored(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrow_keys_step_in_the_unit_at_hand() {
        for (text, step, expected) in [
            ("0.1", 0.01, Some("0.11")),
            ("-0.01", 0.01, Some("0")),
            ("12px", 0.01, Some("13px")),
            ("12px", -0.1, Some("2px")),
            ("x", 1.0, None),
        ] {
            assert_eq!(stepped(text, step).as_deref(), expected, "{text} {step}");
        }
    }

    #[test]
    fn a_picker_shows_a_colour_without_its_alpha() {
        for (value, expected) in
            [("7b2036", Some("#7b2036")), ("7b203680", Some("#7b2036")), ("transparent", None), ("", None)]
        {
            assert_eq!(opaque_part(value).as_deref(), expected, "{value}");
        }
    }
}
