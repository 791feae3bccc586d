"""The types that skops trusts by itself: those of them that our loader needs.

TY1  No type stands here that skops does not trust in nodes of the same kind.

skops makes its lists by importing all of scikit-learn, which takes seconds.
"""

_ESTIMATORS = """
    calibration CalibratedClassifierCV
    cluster._affinity_propagation AffinityPropagation
    cluster._agglomerative AgglomerativeClustering FeatureAgglomeration
    cluster._bicluster SpectralBiclustering SpectralCoclustering
    cluster._birch Birch
    cluster._bisect_k_means BisectingKMeans
    cluster._dbscan DBSCAN
    cluster._hdbscan.hdbscan HDBSCAN
    cluster._kmeans KMeans MiniBatchKMeans
    cluster._mean_shift MeanShift
    cluster._optics OPTICS
    cluster._spectral SpectralClustering
    compose._column_transformer ColumnTransformer
    compose._target TransformedTargetRegressor
    covariance._elliptic_envelope EllipticEnvelope
    covariance._empirical_covariance EmpiricalCovariance
    covariance._graph_lasso GraphicalLasso GraphicalLassoCV
    covariance._robust_covariance MinCovDet
    covariance._shrunk_covariance LedoitWolf OAS ShrunkCovariance
    cross_decomposition._pls CCA PLSCanonical PLSRegression PLSSVD
    decomposition._dict_learning DictionaryLearning MiniBatchDictionaryLearning SparseCoder
    decomposition._factor_analysis FactorAnalysis
    decomposition._fastica FastICA
    decomposition._incremental_pca IncrementalPCA
    decomposition._kernel_pca KernelPCA
    decomposition._lda LatentDirichletAllocation
    decomposition._nmf MiniBatchNMF NMF
    decomposition._pca PCA
    decomposition._sparse_pca MiniBatchSparsePCA SparsePCA
    decomposition._truncated_svd TruncatedSVD
    discriminant_analysis LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis
    dummy DummyClassifier DummyRegressor
    ensemble._bagging BaggingClassifier BaggingRegressor
    ensemble._forest ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier
    ensemble._forest RandomForestRegressor RandomTreesEmbedding
    ensemble._gb GradientBoostingClassifier GradientBoostingRegressor
    ensemble._hist_gradient_boosting.gradient_boosting HistGradientBoostingClassifier
    ensemble._hist_gradient_boosting.gradient_boosting HistGradientBoostingRegressor
    ensemble._iforest IsolationForest
    ensemble._stacking StackingClassifier StackingRegressor
    ensemble._voting VotingClassifier VotingRegressor
    ensemble._weight_boosting AdaBoostClassifier AdaBoostRegressor
    feature_extraction._dict_vectorizer DictVectorizer
    feature_extraction._hash FeatureHasher
    feature_extraction.image PatchExtractor
    feature_extraction.text CountVectorizer HashingVectorizer TfidfTransformer TfidfVectorizer
    feature_selection._from_model SelectFromModel
    feature_selection._rfe RFE RFECV
    feature_selection._sequential SequentialFeatureSelector
    feature_selection._univariate_selection GenericUnivariateSelect SelectFdr SelectFpr
    feature_selection._univariate_selection SelectFwe SelectKBest SelectPercentile
    feature_selection._variance_threshold VarianceThreshold
    frozen._frozen FrozenEstimator
    gaussian_process._gpc GaussianProcessClassifier
    gaussian_process._gpr GaussianProcessRegressor
    impute._base MissingIndicator SimpleImputer
    impute._knn KNNImputer
    isotonic IsotonicRegression
    kernel_approximation AdditiveChi2Sampler Nystroem PolynomialCountSketch RBFSampler
    kernel_approximation SkewedChi2Sampler
    kernel_ridge KernelRidge
    linear_model._base LinearRegression
    linear_model._bayes ARDRegression BayesianRidge
    linear_model._coordinate_descent ElasticNet ElasticNetCV Lasso LassoCV MultiTaskElasticNet
    linear_model._coordinate_descent MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV
    linear_model._glm.glm GammaRegressor PoissonRegressor TweedieRegressor
    linear_model._huber HuberRegressor
    linear_model._least_angle Lars LarsCV LassoLars LassoLarsCV LassoLarsIC
    linear_model._logistic LogisticRegression LogisticRegressionCV
    linear_model._omp OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV
    linear_model._passive_aggressive PassiveAggressiveClassifier PassiveAggressiveRegressor
    linear_model._perceptron Perceptron
    linear_model._quantile QuantileRegressor
    linear_model._ransac RANSACRegressor
    linear_model._ridge Ridge RidgeCV RidgeClassifier RidgeClassifierCV
    linear_model._stochastic_gradient SGDClassifier SGDOneClassSVM SGDRegressor
    linear_model._theil_sen TheilSenRegressor
    manifold._classical_mds ClassicalMDS
    manifold._isomap Isomap
    manifold._locally_linear LocallyLinearEmbedding
    manifold._mds MDS
    manifold._spectral_embedding SpectralEmbedding
    manifold._t_sne TSNE
    mixture._bayesian_mixture BayesianGaussianMixture
    mixture._gaussian_mixture GaussianMixture
    model_selection._classification_threshold FixedThresholdClassifier
    model_selection._classification_threshold TunedThresholdClassifierCV
    model_selection._search GridSearchCV RandomizedSearchCV
    multiclass OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier
    multioutput ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain
    naive_bayes BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB
    neighbors._classification KNeighborsClassifier RadiusNeighborsClassifier
    neighbors._graph KNeighborsTransformer RadiusNeighborsTransformer
    neighbors._kde KernelDensity
    neighbors._lof LocalOutlierFactor
    neighbors._nca NeighborhoodComponentsAnalysis
    neighbors._nearest_centroid NearestCentroid
    neighbors._regression KNeighborsRegressor RadiusNeighborsRegressor
    neighbors._unsupervised NearestNeighbors
    neural_network._multilayer_perceptron MLPClassifier MLPRegressor
    neural_network._rbm BernoulliRBM
    pipeline FeatureUnion Pipeline
    preprocessing._data Binarizer KernelCenterer MaxAbsScaler MinMaxScaler Normalizer
    preprocessing._data PowerTransformer QuantileTransformer RobustScaler StandardScaler
    preprocessing._discretization KBinsDiscretizer
    preprocessing._encoders OneHotEncoder OrdinalEncoder
    preprocessing._function_transformer FunctionTransformer
    preprocessing._label LabelBinarizer LabelEncoder MultiLabelBinarizer
    preprocessing._polynomial PolynomialFeatures SplineTransformer
    preprocessing._target_encoder TargetEncoder
    random_projection GaussianRandomProjection SparseRandomProjection
    semi_supervised._label_propagation LabelPropagation LabelSpreading
    semi_supervised._self_training SelfTrainingClassifier
    svm._classes LinearSVC LinearSVR NuSVC NuSVR OneClassSVM SVC SVR
    tree._classes DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier
    tree._classes ExtraTreeRegressor
"""
_INTERNALS = """
    _loss.link HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit
    _loss.loss AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss
    _loss.loss HalfPoissonLoss HalfSquaredError HuberLoss PinballLoss
    ensemble._hist_gradient_boosting.binning _BinMapper
"""
_LOSSES = """
    _loss._loss CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss
    _loss._loss CyHalfMultinomialLoss CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss
    _loss._loss CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss
    linear_model._sgd_fast EpsilonInsensitive Hinge ModifiedHuber SquaredEpsilonInsensitive
    linear_model._sgd_fast SquaredHinge
"""


def _sklearn(lines: str) -> frozenset[str]:
    """The names in lines of a module and its classes."""
    split = [line.split() for line in lines.split("\n")]
    return frozenset(f"sklearn.{words[0]}.{name}" for words in split for name in words[1:])


def _of(module: str, names: str) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for name in names.split())


ESTIMATORS = _sklearn(_ESTIMATORS) | _sklearn(_INTERNALS)
LOSSES = _sklearn(_LOSSES)
FUNCTIONS = _of("numpy", "absolute cbrt exp exp2 expm1 log log10 log1p log2 sign sqrt square")
SCALARS = _of(
    "numpy",
    "bool bytes_ complex128 complex64 datetime64 float16 float32 float64 int16 int32 int64 int8 "
    "str_ timedelta64 uint16 uint32 uint64 uint8",
)
TYPES = SCALARS | _of("builtins", "bool float int list set str tuple")
BIT_GENERATORS = frozenset(["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])  # of numpy.random
