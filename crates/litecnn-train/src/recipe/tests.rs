use super::*;

fn message(text: &str) -> String {
    Recipe::parse(text, Path::new("my.toml")).unwrap_err().to_string()
}

#[test]
fn presets_are_good_and_survive_a_round_trip() {
    for (name, _) in PRESETS {
        let recipe = Recipe::load(name).unwrap();
        assert_eq!(recipe.name, name);
        assert_eq!(Recipe::parse(&recipe.to_toml(), Path::new("x")).unwrap(), recipe);
    }
    let paper = Recipe::paper();
    assert_eq!((paper.stage_1.epochs, paper.cross_validation.folds), (20, 6));
}

#[test]
fn what_is_not_given_is_the_papers() {
    let recipe = Recipe::parse("name = \"mine\"\n[stage-1]\nepochs = 3\n", Path::new("x")).unwrap();
    let mut expected = Recipe::paper();
    expected.name = "mine".into();
    expected.stage_1.epochs = 3;
    assert_eq!(recipe, expected);
    assert_ne!(recipe.hash(), Recipe::paper().hash());
    assert_eq!(Recipe { name: "other".into(), ..Recipe::paper() }.hash(), Recipe::paper().hash());
    let balanced = Recipe::parse("[data]\nclass-weights = \"balanced\"", Path::new("x")).unwrap();
    assert_ne!(balanced.hash(), Recipe::paper().hash());
    // The reference run's, made before there were shares and weights; and what reports take for the paper's.
    let reference: Table = toml::from_str(include_str!("../../../../results/reference/run.toml")).unwrap();
    assert_eq!(reference["recipe_hash"].as_str(), Some(Recipe::paper().hash().as_str()));
    let published = include_str!("../../../litecnn-report/published/isong2025.toml");
    assert!(published.contains(&format!("recipe_hash = \"{}\"", Recipe::paper().hash())));
}

#[test]
fn another_kind_of_optimizer_replaces_the_table() {
    let text = "[stage-1]\noptimizer = { kind = \"sgd\", learning-rate = 0.1, momentum = 0, nesterov = false, weight-decay = 0, decay-form = \"coupled\" }";
    let recipe = Recipe::parse(text, Path::new("x")).unwrap();
    assert!(matches!(recipe.stage_1.optimizer, OptimizerSettings::Sgd(_)));
    let partial = Recipe::parse("[stage-1.optimizer]\nlearning-rate = 0.01", Path::new("x")).unwrap();
    assert!(
        matches!(partial.stage_1.optimizer, OptimizerSettings::Nadam(n) if n.learning_rate == 0.01 && n.beta_2 == 0.999)
    );
}

#[test]
fn faults_are_shown_with_their_line() {
    for (text, line, words) in [
        (
            "name = \"x\"\n[stage-1]\nepoch = 3",
            3,
            "unknown key `stage-1.epoch` (did you mean `stage-1.epochs`?); possible here: augmentation, average, ",
        ),
        ("[stage-9]\nepochs = 3", 1, "unknown key `stage-9` (did you mean `stage-1`?)"),
        ("epochs = 3", 1, "unknown key `epochs` (did you mean `cross-validation.epochs`, `stage-1.epochs`, "),
        ("[stage-1]\nlearning-rate = 1", 2, "(did you mean `stage-1.optimizer.learning-rate`?)"),
        ("[stage-1]\nfolds = 3", 2, "(did you mean `cross-validation.folds`?)"),
        ("\n[stage-1]\nepochs = 0", 3, "`stage-1.epochs`: 0 is impossible here: at least 1"),
        ("[stage-1]\nbatch-size = 0", 2, "at least 1"),
        ("[stage-1]\nbatch-size = -3", 2, "-3 is impossible here"),
        ("[cross-validation]\n# few\nfolds = 1", 3, "1 is impossible here: at least 2"),
        ("[cross-validation]\nfolds = 0", 2, "at least 2"),
        ("[data]\nvalidation-images = 0", 2, "at least 1"),
        ("[data]\nvalidation-share = 1", 2, "`data.validation-share`: 1 is impossible here: above 0 and below 1"),
        ("[data]\nvalidation-share = 0.1\nvalidation-images = 5", 2, "not both"),
        ("[data]\nclass-weights = \"equal\"", 2, "unknown variant `equal`, expected `none` or `balanced`"),
        ("[data]\nstratified = 1", 2, "invalid type"),
        ("[data]\nimages = 1", 2, "possible here: class-weights, normalise, pixel-scale, stratified, validation-im"),
        ("[model]\nfilters = []", 2, "[] is impossible here"),
        ("[model]\nfilters = [10, 0]", 2, "[10, 0] is impossible here"),
        ("[model]\ndropout = 1.0", 2, "1 is impossible here: at least 0 and below 1"),
        ("[stage-1]\nmonitor = \"loss\"", 2, "unknown variant `loss`, expected"),
        ("[stage-1]\nmonitor = \"branch\"", 2, "unknown variant `branch` (did you mean `branch-1`?)"),
        ("[stage-1]\nepochs = \"many\"", 2, "invalid type"),
        ("[stage-1]\nepochs = 2\n[stage-1.optimizer]\nlearning-rate = -1.0", 4, "-1 is impossible here"),
        ("[stage-1]\n\noptimizer = { kind = \"adam\" }", 3, "unknown variant `adam`"),
        ("[stage-1]\noptimizer = { kind = \"adamw\", learning-rate = 1 }", 2, "missing key `beta-1`"),
        ("[stage-1]\noptimizer = { kind = \"adamw\", learning-rate = 1, nesterov = true }", 2, "does not belong"),
        (
            "[stage-1]\n# one\nschedule = { kind = \"step\" }",
            3,
            "unknown variant `step`, expected `constant` or `cosine`",
        ),
        ("[stage-1]\nschedule = { warmup = 1 }", 2, "unknown key `stage-1.schedule.warmup`"),
        ("[stage-1]\nschedule = { kind = \"constant\", warmup = 1 }", 2, "unknown key `stage-1.schedule.warmup`"),
        ("[stage-1]\nschedule = { kind = \"cosine\", final = 2 }", 2, "2 is impossible here: at least 0, at most 1"),
        (
            "[stage-1]\nschedule = { kind = \"cosine\", warmup = -1 }",
            2,
            "-1 is impossible here: a number of at least 0",
        ),
        (
            "[stage-1]\nepochs = 3\n[stage-1.schedule]\nkind = \"cosine\"\nwarmup = 3",
            5,
            "`stage-1.schedule.warmup`: 3 is impossible here: below the 3 epochs of the step",
        ),
        ("[stage-2-2]\naverage = 1.0", 2, "`stage-2-2.average`: 1 is impossible here: at least 0 and below 1"),
        ("[stage-2-2]\nlabel-smoothing = 1", 2, "at least 0 and below 1"),
        ("[cross-validation]\nmixup = -0.2", 2, "-0.2 is impossible here: 0 for none, or at least 0.01, at most 100"),
        ("[stage-2-1]\ncutmix = 1e9", 2, "1000000000 is impossible here"),
        ("[stage-1.augmentation]\nmirror = 2", 2, "2 is impossible here: at least 0, at most 1"),
        ("[stage-2-1.augmentation]\nmiror = 1", 2, "(did you mean `stage-2-1.augmentation.mirror`?)"),
        ("[data]\nnormalise = 1", 2, "invalid type"),
        ("[second-stage]\nunfreezing = \"sideways\"", 2, "unknown variant `sideways`"),
        ("[distillation]\nweight = 2", 2, "2 is impossible here: at least 0, at most 1"),
        ("[distillation]\ntemperature = 0", 2, "0 is impossible here: a number above 0"),
        ("[distillation]\nweight = 0.5", 1, "`distillation.answers`: give a file"),
        (
            "[stage-2-2]\nmixup = 0.2\n[distillation]\nweight = 0.5\nanswers = \"a\"",
            2,
            "`stage-2-2.mixup`: impossible with `distillation`",
        ),
        ("dataset = 3", 1, "`dataset` is a table"),
        ("[dataset]\nmnist = 3", 2, "`dataset.mnist`: invalid type"),
        ("[dataset.mnist.stage-1]\nepoch = 3", 2, "`dataset.mnist`: unknown key `stage-1.epoch` (did you mean"),
        ("[dataset.mnist.stage-1]\nepochs = 0", 2, "`dataset.mnist.stage-1.epochs`: 0 is impossible here"),
        (
            "[stage-1.schedule]\nkind = \"cosine\"\nwarmup = 5\n[dataset.mnist.stage-1]\nepochs = 4",
            4,
            "`dataset.mnist.stage-1.schedule.warmup`: 5 is impossible here",
        ),
        ("[stage-1]\noptimizer = { kind = \"sgd\" }", 2, "missing field"),
        ("[stage-1]\noptimizer = { kind = \"sgd\", learning-rate = 1 }", 2, "missing key `momentum`"),
        ("[stage-1.optimizer]\nmomentum = 0.1", 2, "unknown key `stage-1.optimizer.momentum`"),
        ("[stage-2-2.optimizer]\nkind = \"nadam\"\nlearning-rate = 1\nmomentum = 0.1", 4, "`momentum` does not belong"),
        ("kind = \"x\"", 1, "unknown key `kind`"),
        ("[stage-1]\noptimizer = 3", 2, "`stage-1.optimizer` is a table"),
        ("[augmentation]\nrotation = nan", 2, "impossible"),
        ("[augmentation]\nzoom-width = 1.5", 2, "impossible"),
        ("[augmentation]\nfill = \"wrap\"", 2, "unknown variant `wrap`"),
        ("name = \"x\"\nname = \"y\"", 2, "duplicate key"),
        ("a = [1", 1, ""),
        ("name = \"\"", 1, "no name"),
    ] {
        let message = message(text);
        assert!(message.starts_with(&format!("my.toml, line {line}: ")) && message.contains(words), "{message}");
    }
    let absent = Recipe::load("absent.toml").unwrap_err().to_string();
    assert!(
        absent.contains("absent.toml: no such recipe: give") && absent.contains("paper, smoke, pictures"),
        "{absent}"
    );
    let misspelt = Recipe::load("papr").unwrap_err().to_string();
    assert!(misspelt.contains("papr: no such recipe (did you mean `paper`?): give"), "{misspelt}");
}

#[test]
fn a_share_takes_the_place_of_a_number_and_the_other_way_round() {
    let share = Recipe::parse("[data]\nvalidation-share = 0.25", Path::new("x")).unwrap();
    assert_eq!(share.data.validation, ValidationPart::Share(0.25));
    assert!(!share.to_toml().contains("validation-images"));
    assert_eq!(Recipe::parse(&share.to_toml(), Path::new("x")).unwrap(), share);
    assert_eq!([0, 1, 2, 3, 10, 100].map(|n| share.data.validation.of(n)), [1, 1, 1, 1, 3, 25]);
    let back = parse_over::<Recipe>("[data]\nvalidation-images = 7", Path::new("x"), &share.to_toml(), &[]).unwrap();
    assert_eq!(back.data.validation, ValidationPart::Images(7));
}

#[test]
fn capped_recipes_are_other_recipes() {
    let capped = Recipe::paper().capped(2);
    assert_eq!((capped.stage_1.epochs, capped.stage_2_2.epochs, capped.cross_validation.epochs), (2, 2, 2));
    assert_ne!(capped.hash(), Recipe::paper().hash());
    assert_eq!(Recipe::paper().capped(100), Recipe::paper());
}

#[test]
fn a_data_set_may_have_values_of_its_own() {
    let text = "[stage-1]\nepochs = 7\n[augmentation]\nmirror = 0.5\n[dataset.mnist.augmentation]\nmirror = 0\n\
                [dataset.mnist.stage-1]\nepochs = 30\noptimizer = { kind = \"adamw\", learning-rate = 0.1, beta-1 = 0.9, \
                beta-2 = 0.9, epsilon = 1e-8, weight-decay = 0 }\n[dataset.mnist.stage-2-2.augmentation]\nrotation = 0.2";
    let recipe = Recipe::parse(text, Path::new("x")).unwrap();
    let mnist = recipe.for_dataset("mnist").unwrap();
    assert_eq!((mnist.stage_1.epochs, mnist.augmentation.mirror), (30, 0.0));
    assert_eq!((mnist.stage_2_2.augmentation.rotation, mnist.stage_2_2.epochs), (0.2, 50));
    assert!(mnist.dataset.is_empty() && matches!(mnist.stage_1.optimizer, OptimizerSettings::AdamW(_)));
    let other = recipe.for_dataset("cifar10").unwrap();
    assert_eq!((other.stage_1.epochs, other.augmentation.mirror), (7, 0.5));
    assert_eq!(other, Recipe { dataset: BTreeMap::new(), ..recipe.clone() });
    assert!(recipe.hash() != other.hash() && recipe.hash() != mnist.hash());
    assert_eq!(Recipe::parse(&recipe.to_toml(), Path::new("x")).unwrap(), recipe);
    // What is given beside the recipe counts before that, and limits hold.
    let given = |text: &str| recipe.clone().overridden(&[text.parse().unwrap()]).unwrap().for_dataset("mnist").unwrap();
    assert_eq!(given("stage-1.epochs=2").stage_1.epochs, 2);
    assert_eq!(given("dataset.mnist.stage-1.epochs=3").stage_1.epochs, 3);
    assert_eq!(given("dataset.cifar10.stage-1.epochs=3").stage_1.epochs, 30);
    assert_eq!(recipe.clone().capped(4).for_dataset("mnist").unwrap().stage_1.epochs, 4);
}

#[test]
fn what_the_paper_does_without_can_be_given_by_itself() {
    let given = ["stage-1.schedule.kind=cosine", "stage-1.schedule.warmup=2", "stage-2-2.average=0.999"];
    let recipe = Recipe::load_with("paper", &given.map(|text| text.parse().unwrap())).unwrap();
    assert_eq!(recipe.stage_1.schedule, ScheduleSettings::Cosine { warmup: 2.0, last: 0.0 });
    assert_eq!((recipe.stage_2_2.average, recipe.stage_2_1.average), (0.999, 0.0));
    let text = recipe.to_toml();
    assert!(text.contains("final = 0.0") && !text.contains("mixup") && !text.contains("normalise"), "{text}");
    // Shorter runs of it are recipes as well.
    for name in ["tuned", "paper"] {
        let short = Recipe::load(name).unwrap().capped(1);
        assert_eq!(Recipe::parse(&short.to_toml(), Path::new("x")).unwrap(), short);
    }
    assert_eq!(recipe.capped(1).stage_1.schedule, ScheduleSettings::Cosine { warmup: 0.5, last: 0.0 });
}
