"""The types that we trust in estimators which were built here or are signed by a trusted key.

skops trusts the public estimators of scikit-learn. It trusts no type whose content its compiled
code takes unchecked, such as the nodes of trees: a file made for it could crash the process.
"""

from collections.abc import Iterable

from ...core.errors import UntrustedType
from .kind import Stored

VERSION = 2  # a number more with each change of the list


def _of(module: str, names: str) -> set[str]:
    return {f"{module}.{name}" for name in names.split()}


_METRICS = """
    Euclidean SEuclidean Manhattan Minkowski Chebyshev Mahalanobis Hamming Canberra BrayCurtis
    Jaccard Haversine
"""

TRUSTED_TYPES = frozenset(
    _of("functools", "partial")  # calls nothing when it is made
    | _of("numpy", "dtype mean")
    | _of("scipy.interpolate._bsplines", "BSpline")
    | _of("scipy.interpolate._interpolate", "interp1d")
    | _of("scipy.sparse._csr", "csr_matrix csr_array")
    | _of("scipy.sparse._csc", "csc_matrix csc_array")
    | _of("sklearn._loss.loss", "HalfTweedieLoss HalfTweedieLossIdentity")
    | _of("sklearn.calibration", "_CalibratedClassifier _SigmoidCalibration")
    | _of("sklearn.cluster._bisect_k_means", "_BisectingTree")
    | _of("sklearn.cluster._kmeans", "_kmeans_single_lloyd _kmeans_single_elkan")
    | _of("sklearn.compose._column_transformer", "_RemainderColsList")
    | _of("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor")
    | _of(
        "sklearn.feature_selection._univariate_selection",
        "chi2 f_classif f_oneway f_regression r_regression",
    )
    | _of("sklearn.feature_selection._mutual_info", "mutual_info_classif mutual_info_regression")
    | _of("sklearn.gaussian_process._gpc", "_BinaryGaussianProcessClassifierLaplace")
    | _of(
        "sklearn.gaussian_process.kernels",
        "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Hyperparameter "
        "Matern PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel",
    )
    | _of(
        "sklearn.metrics._dist_metrics",
        " ".join(f"{metric}Distance{bits}" for metric in _METRICS.split() for bits in (32, 64)),
    )
    | _of(
        "sklearn.metrics._classification",
        "accuracy_score balanced_accuracy_score f1_score jaccard_score log_loss "
        "matthews_corrcoef precision_score recall_score",
    )
    | _of("sklearn.metrics._ranking", "average_precision_score roc_auc_score")
    | _of(
        "sklearn.metrics._regression",
        "explained_variance_score max_error mean_absolute_error mean_absolute_percentage_error "
        "mean_squared_error mean_squared_log_error median_absolute_error r2_score "
        "root_mean_squared_error",
    )
    | _of(
        "sklearn.model_selection._split",
        "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut "
        "LeavePOut PredefinedSplit RepeatedKFold RepeatedStratifiedKFold ShuffleSplit "
        "StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit",
    )
    | _of("sklearn.metrics._scorer", "_CurveScorer _MultimetricScorer _PassthroughScorer _Scorer")
    | _of("sklearn.neighbors._ball_tree", "BallTree BallTree32 BallTree64")
    | _of("sklearn.neighbors._kd_tree", "KDTree KDTree32 KDTree64")
    | _of("sklearn.neural_network._stochastic_optimizers", "AdamOptimizer SGDOptimizer")
    | _of("sklearn.tree._tree", "Tree")
    | _of("sklearn.utils._bunch", "Bunch")
    | _of("sklearn.utils._metadata_requests", "MetadataRequest MethodMetadataRequest")
    | _of("sklearn.utils.validation", "check_array")
    | _of("xgboost.core", "Booster")
    | _of(
        "xgboost.sklearn",
        "XGBClassifier XGBRanker XGBRegressor XGBRFClassifier XGBRFRegressor",
    )
)


def trusted(stored: Stored) -> frozenset[str]:
    """The types that the user trusts, and those of our list if it counts."""
    return stored.trusted | (TRUSTED_TYPES if stored.ours else frozenset())


def check_trusted(needed: Iterable[str], stored: Stored) -> None:
    """Raises UntrustedType where neither our list, if it counts, nor the user trusts a type."""
    refused = [name for name in needed if name not in trusted(stored)]
    if refused:
        raise UntrustedType(
            "the saved model has types that nobody trusts",
            types=", ".join(refused),
            our_list=f"version {VERSION}" if stored.ours else "not used: built elsewhere",
            remedy="if you know each of them, name them: Model(…, trusted=[…])",
        )
