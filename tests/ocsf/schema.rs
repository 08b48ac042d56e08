//! As much of the published OCSF schema as shows whether an event follows it:
//! required and known attributes, types, enumerations with their captions, and
//! constraints. Objects whose definition is not in the folder are not looked
//! into.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The files of a folder.
pub struct Schema {
    dictionary: Value,
    events: BTreeMap<String, Value>,
    objects: BTreeMap<String, Value>,
}

/// A class or an object with what it inherits.
struct Shape {
    attributes: Map<String, Value>,
    constraints: Vec<Vec<String>>,
}

impl Schema {
    pub fn read(dir: &Path) -> Self {
        let dictionary = json(&dir.join("dictionary.json"));
        let (mut events, mut objects) = (BTreeMap::new(), BTreeMap::new());
        gather(&dir.join("events"), &mut events);
        gather(&dir.join("objects"), &mut objects);
        assert!(!events.is_empty() && !objects.is_empty(), "{} has no schema", dir.display());
        Self { dictionary, events, objects }
    }

    /// Everything that is wrong with an event.
    pub fn faults(&self, event: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let class_uid = event["class_uid"].as_u64().unwrap_or(u64::MAX);
        let class = self.events.iter().find(|(name, class)| {
            if class_uid == 0 {
                name.as_str() == "base_event"
            } else {
                class["uid"].as_u64() == Some(class_uid % 1000)
            }
        });
        let Some((name, class)) = class else { return vec![format!("no class {class_uid}")] };
        let shape = shape(&self.events, name);
        if event["class_name"] != class["caption"] {
            faults.push(format!("class_name is {}", event["class_name"]));
        }
        let activity = event["activity_id"].as_u64().unwrap_or(u64::MAX);
        if event["type_uid"].as_u64() != Some(class_uid.saturating_mul(100).saturating_add(activity)) {
            faults.push(format!("type_uid is {}", event["type_uid"]));
        }
        self.check(&shape, event, name, &mut faults);
        faults
    }

    fn check(&self, shape: &Shape, value: &Value, path: &str, faults: &mut Vec<String>) {
        let Some(members) = value.as_object() else {
            return faults.push(format!("{path} is no object"));
        };
        for (name, attribute) in &shape.attributes {
            if attribute["requirement"] == "required" && !members.contains_key(name) {
                faults.push(format!("{path} lacks {name}"));
            }
        }
        for choices in &shape.constraints {
            if !choices.iter().any(|name| members.contains_key(name)) {
                faults.push(format!("{path} has none of {choices:?}"));
            }
        }
        for (name, member) in members {
            let path = format!("{path}.{name}");
            match shape.attributes.get(name) {
                Some(attribute) => self.attribute((name, attribute), member, members, &path, faults),
                None => faults.push(format!("{path} is not in the schema")),
            }
        }
    }

    fn attribute(
        &self,
        (name, here): (&str, &Value),
        value: &Value,
        siblings: &Map<String, Value>,
        path: &str,
        faults: &mut Vec<String>,
    ) {
        let general = &self.dictionary["attributes"][name];
        if general.is_null() {
            return faults.push(format!("{path} is not in the dictionary"));
        }
        let of = |key: &str| if here[key].is_null() { &general[key] } else { &here[key] };
        let values = match (general["is_array"] == true, value.as_array()) {
            (true, Some(items)) => items.iter().collect(),
            (false, None) => vec![value],
            (is_array, _) => return faults.push(format!("{path}: a list? {is_array}")),
        };
        for value in values {
            self.typed(of("type").as_str().unwrap_or_default(), value, path, faults);
        }
        let captions = |key: &Value| key["enum"].as_object().cloned().unwrap_or_default();
        // Values of the class come on top of the dictionary's.
        let mut known = captions(general);
        known.extend(captions(here));
        // Classes and categories are numbered by files that are not in the folder.
        if known.is_empty() || matches!(name, "class_uid" | "category_uid" | "type_uid") {
            return;
        }
        let Some(meant) = known.get(&value.to_string()) else {
            return faults.push(format!("{path} is {value}, which is none of its values"));
        };
        let sibling = general["sibling"].as_str().and_then(|name| siblings.get(name));
        if let Some(word) = sibling.filter(|word| *value != 99 && **word != meant["caption"]) {
            faults.push(format!("{path} is {value}, and beside it stands {word}"));
        }
    }

    fn typed(&self, kind: &str, value: &Value, path: &str, faults: &mut Vec<String>) {
        if let Some(name) = self.objects.keys().find(|name| *name == kind) {
            if kind != "object" {
                self.check(&shape(&self.objects, name), value, path, faults);
            }
            return;
        }
        let declared = &self.dictionary["types"]["attributes"][kind];
        let base = declared["type"].as_str().unwrap_or(kind);
        let fits = match base {
            "boolean_t" => value.is_boolean(),
            "integer_t" | "long_t" => value.is_i64() || value.is_u64(),
            "float_t" => value.is_number(),
            "string_t" => value.is_string(),
            "json_t" => true,
            _ => value.is_object(),
        };
        if !fits {
            faults.push(format!("{path} is no {kind}: {value}"));
        }
    }
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn gather(dir: &Path, into: &mut BTreeMap<String, Value>) {
    let listed = fs::read_dir(dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display()));
    for path in listed.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            gather(&path, into);
        } else if path.extension().is_some_and(|e| e == "json") {
            let definition = json(&path);
            into.insert(definition["name"].as_str().unwrap().to_owned(), definition);
        }
    }
}

fn shape(all: &BTreeMap<String, Value>, name: &str) -> Shape {
    let Some(definition) = all.get(name) else {
        return Shape { attributes: Map::new(), constraints: Vec::new() };
    };
    let mut shape = match definition["extends"].as_str() {
        Some(base) => shape(all, base),
        None => Shape { attributes: Map::new(), constraints: Vec::new() },
    };
    for (name, attribute) in definition["attributes"].as_object().into_iter().flatten() {
        if name == "$include" {
            continue;
        }
        let inherited = shape.attributes.entry(name.clone()).or_insert(Value::Object(Map::new()));
        for (key, value) in attribute.as_object().into_iter().flatten() {
            match (&mut inherited[key], value) {
                (Value::Object(before), Value::Object(more)) => before.extend(more.clone()),
                (place, value) => *place = value.clone(),
            }
        }
    }
    let constraint = &definition["constraints"]["at_least_one"];
    if let Some(names) = constraint.as_array() {
        // What is said nearer to the class counts instead of what it inherits.
        shape.constraints = vec![names.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect()];
    }
    shape
}
