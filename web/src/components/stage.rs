//! The picture, and hands on it: drag, knobs, pinch and keys. Until the browser draws, the served picture lies here;
//! then a canvas with the compositor's own pixels lies over it.

use compositor::Kind;
use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::glyph::Glyph;
use super::{focus, focus_after_taking_off};
use crate::boot::Tone;
use crate::browser;
use crate::state::{Studio, use_studio};
use crate::studio::geometry::{Bounds, Point, Turned};
use crate::studio::gesture::{Grabbed, Grip};
use crate::studio::share;

#[component]
pub fn Stage() -> impl IntoView {
    let studio = use_studio();
    let mount = NodeRef::<html::Div>::new();
    let canvas = NodeRef::<html::Canvas>::new();
    browser::paint_on(studio, canvas);
    let hands = Hands::new(studio, mount);
    let dropping = RwSignal::new(false);
    let ratio = move || {
        let (width, height) = studio.canvas();
        format!("--ratio:{:.5}", f64::from(width) / f64::from(height))
    };
    let take = move |drop: ev::DragEvent| {
        drop.prevent_default();
        dropping.set(false);
        let file = drop.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0));
        if let Some(file) = file {
            browser::take_photo(studio, file);
        }
    };
    view! {
        <div class="stage" id="stage" class:dropping=dropping
            data-recipe=move || studio.shown.with(compositor::Recipe::to_path)
            data-state=move || state_word(studio)
            data-drawn=move || studio.is_drawing().to_string()
            on:pointerdown=move |event| hands.down(&event)
            on:pointermove=move |event| hands.moved(&event)
            on:pointerup=move |event| hands.up(&event)
            on:pointercancel=move |event| hands.cancelled(&event)
            on:dragover=move |drag| { drag.prevent_default(); dropping.set(true); }
            on:dragleave=move |_| dropping.set(false)
            on:drop=take>
            <Notices/>
            <div class="mount" node_ref=mount style=ratio>
                <svg class="stitches" aria-hidden="true"><rect/></svg>
                <Placeholder/>
                <ServedPicture/>
                <canvas node_ref=canvas role="img" aria-label=move || studio.caption()></canvas>
                <div class="grips" role="group" aria-label="What is worn" aria-describedby="grip-keys">
                    <Grips/>
                </div>
                <Pins hands/>
            </div>
            <p id="grip-keys" class="hidden-text">
                "Arrow keys move, plus and minus scale, square brackets rotate, Delete takes off, Page Up and Page Down choose another layer."
            </p>
        </div>
    }
}

/// `served`: the picture comes from the server; `drawing`: this browser is on it; `ready`: it has drawn the recipe.
fn state_word(studio: Studio) -> &'static str {
    let current = studio.shown.with(compositor::Recipe::to_path);
    match () {
        () if studio.left_to_server.with(Option::is_some) || !studio.awake.get() => "served",
        () if studio.drawn.with(|drawn| drawn.as_ref() == Some(&current)) => "ready",
        () => "drawing",
    }
}

/// What is there until the picture is: the base's own thumbnail, which the shelf shows, too, and is therefore here first.
#[component]
fn Placeholder() -> impl IntoView {
    let studio = use_studio();
    let source = Memo::new(move |_| studio.committed.with(|recipe| studio.thumbnail(&recipe.base.asset.id)));
    view! { <img class="placeholder" src=source alt="" aria-hidden="true" draggable="false"/> }
}

/// The picture as the server renders it. Once this browser draws, its source rests.
#[component]
fn ServedPicture() -> impl IntoView {
    let studio = use_studio();
    let source = Memo::new(move |before: Option<&String>| match before {
        Some(before) if studio.is_drawing() => before.clone(),
        _ => studio.committed.with(|recipe| share::picture_url(&studio.delivery(), recipe)),
    });
    let side = move |pick: fn((u32, u32)) -> u32| pick(studio.canvas()).to_string();
    let alt = move || if studio.is_drawing() { String::new() } else { studio.caption() };
    view! {
        <img class="served" src=source width=move || side(|canvas| canvas.0) height=move || side(|canvas| canvas.1) alt=alt
            fetchpriority="high" draggable="false"/>
    }
}

#[component]
fn Notices() -> impl IntoView {
    let studio = use_studio();
    view! {
        <div role="status">
            {move || studio.reading.get().then(|| view! { <p class="notice calm working">"Reading your photo…"</p> })}
            {move || studio.notice.get().map(|notice| view! {
                <div class="notice" class:calm=notice.tone == Tone::Calm>
                    <p>{notice.text}</p>
                    <button type="button" class="tool scripted-only" aria-label="Close this note" on:click=move |_| studio.notice.set(None)>
                        {Glyph::Close.view()}
                    </button>
                </div>
            })}
        </div>
    }
}

/// A grip over every layer, and knobs on the one in hand.
#[component]
fn Grips() -> impl IntoView {
    let studio = use_studio();
    let count = Memo::new(move |_| studio.shown.with(|recipe| recipe.layers.len()));
    let in_hand = Memo::new(move |_| studio.selected.get().filter(|index| *index < count.get()));
    view! {
        <For each=move || 0..count.get() key=|index| *index let:index>
            <GripOver index/>
        </For>
        {move || in_hand.get().map(|index| view! {
            <Knob index kind="scale" at=|bounds| (bounds.right, bounds.bottom) above=0.0/>
            <Knob index kind="turn" at=|bounds| (bounds.left.midpoint(bounds.right), bounds.top) above=0.045/>
        })}
    }
}

fn grip_id(index: usize) -> String {
    format!("grip-{index}")
}

#[component]
fn GripOver(index: usize) -> impl IntoView {
    let studio = use_studio();
    let style = move || {
        let turned =
            studio.placed(index).map(|(frame, placed)| placed.covers(studio.visible_part(index), &frame));
        turned.map_or_else(|| "display:none".to_owned(), style_of)
    };
    let in_hand = move || studio.selected.get() == Some(index);
    let stop = move || if studio.selected.get().unwrap_or(0) == index { "0" } else { "-1" };
    let label = move || {
        let count = studio.shown.with(|recipe| recipe.layers.len());
        format!("{}, layer {} of {count}", studio.layer_title(index), index + 1)
    };
    view! {
        <button type="button" class="grip scripted-only" id=grip_id(index) style=style aria-label=label
            aria-pressed=move || in_hand().to_string() tabindex=stop
            on:focus=move |_| studio.selected.set(Some(index))
            on:keydown=move |key| press(studio, index, &key)></button>
    }
}

fn style_of(turned: Turned) -> String {
    let Turned { middle, width, height, angle } = turned;
    format!("--cx:{:.5};--cy:{:.5};--gw:{width:.5};--gh:{height:.5};--turn:{angle:.2}", middle.x, middle.y)
}

/// Keys on a grip.
fn press(studio: Studio, index: usize, key: &ev::KeyboardEvent) {
    if key.ctrl_key() || key.meta_key() {
        return;
    }
    let far = if key.shift_key() { 5.0 } else { 1.0 };
    let nudge = |x: f64, y: f64| studio.nudge(index, (x * far * 0.01, y * far * 0.01), 1.0, 0.0);
    let scale = |factor: f64| studio.nudge(index, (0.0, 0.0), factor, 0.0);
    let turn = |degrees: f64| studio.nudge(index, (0.0, 0.0), 1.0, degrees);
    match key.key().as_str() {
        "ArrowLeft" => nudge(-1.0, 0.0),
        "ArrowRight" => nudge(1.0, 0.0),
        "ArrowUp" => nudge(0.0, -1.0),
        "ArrowDown" => nudge(0.0, 1.0),
        "+" | "=" => scale(1.05),
        "-" | "_" => scale(1.0 / 1.05),
        "[" => turn(-3.0),
        "]" => turn(3.0),
        "{" => turn(-15.0),
        "}" => turn(15.0),
        "Delete" | "Backspace" => {
            studio.take_off(index);
            focus_after_taking_off(index, grip_id);
        }
        "PageUp" => pass_to(studio, index + 1),
        "PageDown" => pass_to(studio, index.wrapping_sub(1)),
        _ => return,
    }
    key.prevent_default();
}

fn pass_to(studio: Studio, index: usize) {
    if studio.shown.with_untracked(|recipe| index < recipe.layers.len()) {
        studio.selected.set(Some(index));
        focus(&grip_id(index));
    }
}

/// A knob at a point of a layer's visible part, or `above` it by a part of the picture's height.
#[component]
fn Knob(index: usize, kind: &'static str, at: fn(Bounds) -> (f64, f64), above: f64) -> impl IntoView {
    let studio = use_studio();
    let style = move || {
        let place = studio.placed(index).map(|(frame, placed)| {
            let (u, v) = at(studio.visible_part(index));
            let up = Point::new(0.0, -above * frame.height).turned(placed.angle);
            let point = placed.point(u, v).plus(up);
            Point::new(point.x / frame.width, point.y / frame.height)
        });
        place.map_or_else(|| "display:none".to_owned(), |at| pin_style(within(at)))
    };
    view! { <span class="knob scripted-only" class:turn=kind == "turn" data-knob=kind style=style aria-hidden="true"></span> }
}

/// A knob past the picture's edge waits at the edge, where a hand can reach it.
fn within(at: Point) -> Point {
    Point::new(at.x.clamp(0.0, 1.0), at.y.clamp(0.0, 1.0))
}

fn pin_style(at: Point) -> String {
    format!("--kx:{:.5};--ky:{:.5}", at.x, at.y)
}

/// The anchors of one's own photo, while they are placed.
#[component]
fn Pins(hands: Hands) -> impl IntoView {
    let studio = use_studio();
    let names = move || {
        studio.photo.with(|photo| match photo {
            Some(photo) if photo.placing && photo.asset.kind == Kind::Base => {
                photo.asset.anchors.keys().cloned().collect()
            }
            _ => Vec::new(),
        })
    };
    view! {
        <For each=names key=Clone::clone let:name>
            <Pin name hands/>
        </For>
    }
}

#[component]
fn Pin(name: String, hands: Hands) -> impl IntoView {
    let studio = use_studio();
    let label = name.clone();
    let name = StoredValue::new(name);
    let place = move || {
        let anchor = studio.photo.with(|photo| {
            photo.as_ref().and_then(|photo| name.with_value(|name| photo.asset.anchors.get(name).copied()))
        });
        Some(studio.frame()?.anchor(&anchor?))
    };
    let style = move || place().map_or_else(|| "display:none".to_owned(), pin_style);
    let drag = move |event: ev::PointerEvent| {
        event.stop_propagation();
        if event.buttons() == 0 {
            return;
        }
        if event.type_() == "pointerdown" {
            hold_pointer(&event);
        }
        if let (Some(at), Some(frame)) = (hands.canvas_point(&event), studio.frame()) {
            name.with_value(|name| studio.place_anchor(name, frame.fraction(at)));
        }
    };
    let nudge = move |key: ev::KeyboardEvent| {
        let (x, y) = match key.key().as_str() {
            "ArrowLeft" => (-0.01, 0.0),
            "ArrowRight" => (0.01, 0.0),
            "ArrowUp" => (0.0, -0.01),
            "ArrowDown" => (0.0, 0.01),
            _ => return,
        };
        key.prevent_default();
        let anchor = studio.photo.with_untracked(|photo| {
            photo.as_ref().and_then(|photo| name.with_value(|name| photo.asset.anchors.get(name).copied()))
        });
        if let Some(anchor) = anchor {
            name.with_value(|name| studio.place_anchor(name, Point::new(anchor.x + x, anchor.y + y)));
        }
    };
    view! {
        <button type="button" class="pin" style=style on:pointerdown=drag on:pointermove=drag on:keydown=nudge>
            <span>{label}</span>
        </button>
    }
}

fn hold_pointer(event: &ev::PointerEvent) {
    let target = event.current_target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    if let Some(target) = target {
        let _ = target.set_pointer_capture(event.pointer_id()); // a pointer that is already gone cannot be held
    }
}

/// The pointers on the stage and what they hold. All arithmetic is in `studio::gesture`.
#[derive(Clone, Copy)]
struct Hands {
    studio: Studio,
    mount: NodeRef<html::Div>,
    held: StoredValue<Held>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    /// Pointer ids with their places on the canvas; never more than two count.
    pointers: Vec<(i32, Point)>,
    grabbed: Option<(usize, Grabbed, Grip)>,
}

impl Hands {
    fn new(studio: Studio, mount: NodeRef<html::Div>) -> Self {
        Hands { studio, mount, held: StoredValue::new(Held::default()) }
    }

    /// Where a pointer is on the canvas, in its pixels.
    fn canvas_point(self, event: &ev::PointerEvent) -> Option<Point> {
        let rect = self.mount.get_untracked()?.get_bounding_client_rect();
        let (width, height) = self.studio.canvas();
        let along =
            |at: i32, start: f64, length: f64, side: u32| (f64::from(at) - start) / length * f64::from(side);
        Some(Point::new(
            along(event.client_x(), rect.left(), rect.width(), width),
            along(event.client_y(), rect.top(), rect.height(), height),
        ))
    }

    fn down(self, event: &ev::PointerEvent) {
        let Some(at) = self.canvas_point(event).filter(|_| event.button() == 0 && !is_control(event)) else {
            return;
        };
        let mut held = self.held.get_value();
        if held.pointers.len() >= 2 {
            return;
        }
        hold_pointer(event);
        if held.pointers.is_empty() {
            self.studio.drop_draft(); // a hat still settling is where it belongs the moment it is touched
        }
        held.pointers.push((event.pointer_id(), at));
        held.grabbed = match held.pointers.as_slice() {
            [(_, only)] => self.take(event, *only),
            [(_, first), (_, second)] => self.regrab(&held, Grip::Pinch(*first, *second)),
            _ => None,
        };
        self.studio.held.set(true);
        self.held.set_value(held);
    }

    /// What a first finger takes hold of: a knob, the layer under it, or nothing.
    fn take(self, event: &ev::PointerEvent, at: Point) -> Option<(usize, Grabbed, Grip)> {
        let studio = self.studio;
        let (index, grip) =
            if let (Some(knob), Some(index)) = (knob_of(event), studio.selected.get_untracked()) {
                (index, if knob == "turn" { Grip::Turn(at) } else { Grip::Scale(at) })
            } else {
                let hit = studio.hit(at);
                studio.selected.set(hit);
                (hit?, Grip::Move(at))
            };
        focus(&grip_id(index));
        Some((index, studio.grab(index)?, grip))
    }

    /// The same layer, taken anew from how it is now.
    fn regrab(self, held: &Held, grip: Grip) -> Option<(usize, Grabbed, Grip)> {
        let index = held
            .grabbed
            .as_ref()
            .map(|(index, ..)| *index)
            .or_else(|| self.studio.selected.get_untracked())?;
        Some((index, self.studio.grab(index)?, grip))
    }

    fn moved(self, event: &ev::PointerEvent) {
        let Some(at) = self.canvas_point(event) else { return };
        let mut held = self.held.get_value();
        let Some(pointer) = held.pointers.iter_mut().find(|(id, _)| *id == event.pointer_id()) else {
            return;
        };
        pointer.1 = at;
        if let (Some((index, grabbed, grip)), Some((_, first))) = (&held.grabbed, held.pointers.first()) {
            let second = held.pointers.get(1).map_or(*first, |(_, second)| *second);
            self.studio.move_to(*index, grabbed.pulled(*grip, (*first, second), event.shift_key()));
        }
        self.held.set_value(held);
    }

    fn up(self, event: &ev::PointerEvent) {
        let mut held = self.held.get_value();
        held.pointers.retain(|(id, _)| *id != event.pointer_id());
        held.grabbed = held.pointers.first().and_then(|(_, rest)| self.regrab(&held, Grip::Move(*rest)));
        if held.pointers.is_empty() {
            self.studio.held.set(false);
            self.studio.let_go();
        }
        self.held.set_value(held);
    }

    fn cancelled(self, event: &ev::PointerEvent) {
        self.held.set_value(Held::default());
        self.studio.held.set(false);
        self.studio.drop_draft();
        event.prevent_default();
    }
}

/// The knob under a pointer.
fn knob_of(event: &ev::PointerEvent) -> Option<String> {
    event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok())?.get_attribute("data-knob")
}

/// Is the pointer on something that has its own clicks?
fn is_control(event: &ev::PointerEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|target| target.closest(".notice, .pin").ok().flatten().is_some())
}
